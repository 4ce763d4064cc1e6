package gpu

// Results of the driver that the Go side handles itself.
const (
	codeSuccess           = 0
	codeInvalidValue      = 1
	codeOutOfMemory       = 2
	codeDeinitialized     = 4
	codeStubLibrary       = 34
	codeDeviceUnavailable = 46
	codeNoDevice          = 100
	codeInvalidDevice     = 101
	codeInvalidContext    = 201
	codeMapFailed         = 205
	codeAlreadyMapped     = 208
	codeNoBinary          = 209
	codeECC               = 214
	codeInvalidPTX        = 218
	codePTXVersion        = 222
	codeInvalidHandle     = 400
	codeNotFound          = 500
	codeNotReady          = 600
	codeIllegalAddress    = 700
	codeLaunchTimeout     = 702
	codeFirstException    = 710
	codeLaunchFailed      = 719
	codeNotPermitted      = 800
	codeNotSupported      = 801
	codeSystemNotReady    = 802
	codeDriverMismatch    = 803
	codeCompatUnsupported = 804
	codeMPSConnection     = 805
	codeMPSNotReady       = 807
	codeMPSClientGone     = 810
	codeUnknown           = 999
)

// Sticky says whether a CUresult poisons the context: every later call in this
// process fails with it (https://docs.nvidia.com/cuda/cuda-driver-api/, the
// results whose text says that the process must be terminated and relaunched).
func Sticky(code int) bool {
	switch code {
	case codeECC, codeIllegalAddress, codeLaunchTimeout:
		return true
	}
	return code >= codeFirstException && code <= codeLaunchFailed
}

// meaning is what we know of a code, wherever it comes from.
type meaning struct {
	name   string
	kind   error
	reason string
}

// codes has the names for when the driver cannot be asked, and what to do about
// the codes that operators meet.
var codes = map[int]meaning{
	codeInvalidValue:  {name: "CUDA_ERROR_INVALID_VALUE"},
	codeOutOfMemory:   {"CUDA_ERROR_OUT_OF_MEMORY", ErrOutOfMemory, "the GPU has no memory left for this"},
	codeDeinitialized: {name: "CUDA_ERROR_DEINITIALIZED"},
	codeStubLibrary: {
		"CUDA_ERROR_STUB_LIBRARY", ErrNoDriver,
		"the libcuda that was found is the CUDA toolkit's stub for linking, not a driver: take the toolkit's stubs folder out of LD_LIBRARY_PATH, or install the driver",
	},
	codeDeviceUnavailable: {
		"CUDA_ERROR_DEVICE_UNAVAILABLE", ErrNoDevice,
		"the GPU is busy or unavailable: another process has it for itself (compute mode EXCLUSIVE_PROCESS, see nvidia-smi -q -d COMPUTE), or MPS refuses us",
	},
	codeNoDevice: {
		"CUDA_ERROR_NO_DEVICE", ErrNoDevice,
		"the driver sees no GPU: none is installed, CUDA_VISIBLE_DEVICES hides all, or the container was started without one (docker run --gpus all)",
	},
	codeInvalidDevice:     {"CUDA_ERROR_INVALID_DEVICE", ErrNoDevice, "there is no such GPU, or CUDA_VISIBLE_DEVICES names one that does not exist"},
	codeInvalidContext:    {name: "CUDA_ERROR_INVALID_CONTEXT"},
	codeMapFailed:         {name: "CUDA_ERROR_MAP_FAILED"},
	codeAlreadyMapped:     {name: "CUDA_ERROR_ALREADY_MAPPED"},
	codeNoBinary:          {"CUDA_ERROR_NO_BINARY_FOR_GPU", ErrUnsupported, "the code is not for this GPU"},
	codeECC:               {name: "CUDA_ERROR_ECC_UNCORRECTABLE", reason: "the GPU's memory has an uncorrectable error: the process has to be started again, and the GPU looked at (nvidia-smi -q -d ECC)"},
	codeInvalidPTX:        {"CUDA_ERROR_INVALID_PTX", ErrUnsupported, "the driver does not accept the code"},
	codePTXVersion:        {"CUDA_ERROR_UNSUPPORTED_PTX_VERSION", ErrUnsupported, "the driver is older than the code: install a newer one"},
	codeInvalidHandle:     {name: "CUDA_ERROR_INVALID_HANDLE"},
	codeNotFound:          {name: "CUDA_ERROR_NOT_FOUND"},
	codeNotReady:          {name: "CUDA_ERROR_NOT_READY"},
	codeIllegalAddress:    {name: "CUDA_ERROR_ILLEGAL_ADDRESS"},
	codeLaunchTimeout:     {name: "CUDA_ERROR_LAUNCH_TIMEOUT"},
	codeLaunchFailed:      {name: "CUDA_ERROR_LAUNCH_FAILED"},
	codeNotPermitted:      {"CUDA_ERROR_NOT_PERMITTED", ErrUnsupported, ""},
	codeNotSupported:      {"CUDA_ERROR_NOT_SUPPORTED", ErrUnsupported, ""},
	codeSystemNotReady:    {"CUDA_ERROR_SYSTEM_NOT_READY", ErrNoDriver, "the GPUs are not ready yet: on a machine with NVSwitch nvidia-fabricmanager has to run"},
	codeDriverMismatch:    {"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", ErrNoDriver, mismatchReason},
	codeCompatUnsupported: {"CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE", ErrNoDriver, "this libcuda is newer than the kernel's driver and this GPU does not allow that: take the cuda-compat package or folder out of the library path"},
	codeMPSConnection:     {"CUDA_ERROR_MPS_CONNECTION_FAILED", ErrNoDriver, "the MPS server does not answer: start nvidia-cuda-mps-control, or unset CUDA_MPS_PIPE_DIRECTORY"},
	codeMPSNotReady:       {"CUDA_ERROR_MPS_SERVER_NOT_READY", ErrNoDriver, "the MPS server is not ready, or is recovering from another client's fault: try again when its clients have ended"},
	codeMPSClientGone:     {"CUDA_ERROR_MPS_CLIENT_TERMINATED", ErrDeviceLost, "the MPS server ended this client: the process has to be started again"},
	codeUnknown:           {name: "CUDA_ERROR_UNKNOWN"},
}

const mismatchReason = "the driver's libraries and the kernel's driver are of different versions: restart the machine (or reload the nvidia modules) after a driver update; in a container, start it again"

// startReason adds what a code means when it comes from cuInit.
func startReason(e *Error) {
	if e.kind == nil {
		e.kind = ErrNoDriver
	}
	if e.Code == codeUnknown {
		e.Reason = "the driver does not start: /dev/nvidia-uvm may be missing (nvidia-modprobe -u -c=0 makes it), the machine may have been suspended, or the driver was updated without a restart"
	}
	if e.Reason == "" {
		e.Reason = "the driver does not start: nvidia-smi may say more"
	}
}
