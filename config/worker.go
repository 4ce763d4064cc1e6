package config

import (
	"slices"
	"strings"
)

// Defaults of the worker's settings.
const (
	DefaultGRPCAddress = "127.0.0.1:50051"
	DefaultHTTPAddress = "127.0.0.1:8080"
	DefaultMaxCameras  = 4096

	DefaultDecodeIsolationCameras = 16
	MaxDecodeIsolationCameras     = 256
)

// The values of Worker.DecodeIsolation.
const (
	DecodeIsolationNone    = "none"
	DecodeIsolationProcess = "process"
)

// Worker is the configuration of the process. Empty fields are filled by
// EnsureDefaults; flags are laid over the file by the command line.
type Worker struct {
	// GRPCAddress is where gRPC is served: host:port, unix:/path, or several of them
	// with commas between; see GRPCAddresses.
	GRPCAddress string
	// GRPCSocketMode is the mode of the gRPC listeners on unix sockets.
	GRPCSocketMode SocketMode
	HTTPAddress    string // host:port of the HTTP listener; "off" = none
	StateDir       string // folder of the state file; empty = cameras don't survive a restart
	Backend        BackendKind
	LogFormat      string // "text" or "json"
	LogLevel       string // "debug", "info", "warn" or "error"
	// DecodeIsolation says where cameras are decoded on the CPU: "none" = in the worker's
	// process, "process" = in child processes of DecodeIsolationCameras each.
	DecodeIsolation        string
	DecodeIsolationCameras int
	// Insecure allows listening beyond loopback without TLS and authentication.
	Insecure bool
	// TLS is spoken on TCP; the zero value means plain text.
	TLS ListenerTLS
	// AuthFile says who may do what; empty = whoever reaches a listener may do
	// everything, or the owners of client certificates may.
	AuthFile string
	// Reflection serves gRPC reflection although calls need a login.
	Reflection   bool
	MaxCameras   int
	GPU          GPU
	SharedMemory SharedMemory
	// InferenceServers run models on the cameras' frames; their names differ.
	InferenceServers []InferenceServer
	// CameraAddresses are where cameras may be.
	CameraAddresses CameraAddresses
	Limits          Limits
	// StateKeyFile holds the key that the state is encrypted with; empty = see the
	// command line.
	StateKeyFile string
	// CoreDumps lets the process leave its memory, with all passwords, in a file when it
	// crashes, and other processes of its user look into it.
	CoreDumps bool
}

type workerDocument struct {
	GRPCAddress    string      `yaml:"grpc_address"`
	GRPCSocketMode SocketMode  `yaml:"grpc_socket_mode"`
	HTTPAddress    string      `yaml:"http_address"`
	StateDir       string      `yaml:"state_dir"`
	Backend        BackendKind `yaml:"backend"`
	LogFormat      string      `yaml:"log_format"`
	LogLevel       string      `yaml:"log_level"`

	DecodeIsolation        string `yaml:"decode_isolation"`
	DecodeIsolationCameras int    `yaml:"decode_isolation_cameras"`

	Insecure     bool         `yaml:"insecure"`
	TLS          ListenerTLS  `yaml:"tls"`
	AuthFile     string       `yaml:"auth_file"`
	Reflection   bool         `yaml:"reflection"`
	MaxCameras   int          `yaml:"max_cameras"`
	GPU          GPU          `yaml:"gpu"`
	SharedMemory SharedMemory `yaml:"shared_memory"`

	InferenceServers []InferenceServer `yaml:"inference_servers"`
	CameraAddresses  CameraAddresses   `yaml:"camera_addresses"`
	Limits           Limits            `yaml:"limits"`
	StateKeyFile     string            `yaml:"state_key_file"`
	CoreDumps        bool              `yaml:"core_dumps"`
}

func (d workerDocument) worker() Worker { return Worker(d) }

// GRPCAddresses are the addresses in GRPCAddress, in their order.
func (w Worker) GRPCAddresses() []string {
	var out []string
	for a := range strings.SplitSeq(w.GRPCAddress, ",") {
		out = append(out, strings.TrimSpace(a))
	}
	return out
}

// EnsureDefaults fills what was left open.
func (w *Worker) EnsureDefaults() {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&w.GRPCAddress, DefaultGRPCAddress)
	set(&w.HTTPAddress, DefaultHTTPAddress)
	set(&w.LogFormat, "text")
	set(&w.LogLevel, "info")
	set(&w.DecodeIsolation, DecodeIsolationNone)
	if w.DecodeIsolationCameras == 0 {
		w.DecodeIsolationCameras = DefaultDecodeIsolationCameras
	}
	if w.GRPCSocketMode == 0 {
		w.GRPCSocketMode = DefaultSocketMode
	}
	if w.MaxCameras == 0 {
		w.MaxCameras = DefaultMaxCameras
	}
	w.SharedMemory.ensureDefaults()
	w.Limits.ensureDefaults()
}

// Validate reports everything that is wrong with w as a [*Problems]. Call
// EnsureDefaults first.
func (w Worker) Validate() error {
	p := &Problems{}
	addresses := w.GRPCAddresses()
	for i, address := range addresses {
		w.validateAddress(p, "worker.grpc_address", address)
		if slices.Contains(addresses[:i], address) {
			p.Add("worker.grpc_address", ReasonWorker, "names %.120q twice; name it once", address)
		}
	}
	if w.GRPCSocketMode.ForEverybody() && !w.Login() && !w.Insecure && slices.ContainsFunc(addresses, isUnix) {
		p.Add("worker.grpc_socket_mode", ReasonWorker, "is %04o: every user of this machine could see and change all cameras; use 0660 and a group, "+
			"or give --auth-file (frameport token new makes tokens), or --insecure if all of them may", w.GRPCSocketMode.Perm())
	}
	switch {
	case strings.HasPrefix(w.HTTPAddress, "unix:"):
		p.Add("worker.http_address", ReasonWorker, "is %.120q; only gRPC is served on unix sockets: use host:port, or off", w.HTTPAddress)
	case w.HTTPAddress != "off":
		w.validateAddress(p, "worker.http_address", w.HTTPAddress)
	}
	if int(w.Backend) >= len(backendKindNames()) {
		p.Add("worker.backend", ReasonWorker, "is unknown (%d); use one of %s", w.Backend, strings.Join(backendKindNames(), ", "))
	}
	if w.LogFormat != "text" && w.LogFormat != "json" {
		p.Add("worker.log_format", ReasonWorker, "is %.40q; use text or json", w.LogFormat)
	}
	switch w.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		p.Add("worker.log_level", ReasonWorker, "is %.40q; use debug, info, warn or error", w.LogLevel)
	}
	if w.MaxCameras < 1 || w.MaxCameras > 65536 {
		p.Add("worker.max_cameras", ReasonWorker, "is %d; use 1 to 65536, or 0 for the default of %d", w.MaxCameras, DefaultMaxCameras)
	}
	w.TLS.validate(p)
	if d := w.DecodeIsolation; d != "" && d != DecodeIsolationNone && d != DecodeIsolationProcess {
		p.Add("worker.decode_isolation", ReasonWorker, "is %.40q; use none or process", d)
	}
	if n := w.DecodeIsolationCameras; n < 0 || n > MaxDecodeIsolationCameras {
		p.Add("worker.decode_isolation_cameras", ReasonWorker, "is %d; use 1 to %d, or 0 for the default of %d", n, MaxDecodeIsolationCameras, DefaultDecodeIsolationCameras)
	}
	w.GPU.validate(p)
	w.SharedMemory.validate(p)
	w.Limits.validate(p)
	validateInferenceServers(p, w.InferenceServers)
	return p.ErrorOrNil()
}

// validateSet judges a file's settings before flags are laid over them: loopback is
// not asked for yet, since --insecure may still come.
func (w Worker) validateSet() *Problems {
	w.EnsureDefaults()
	w.Insecure = true
	p, _ := w.Validate().(*Problems)
	return p
}

// Login says whether calls over TCP need one.
func (w Worker) Login() bool { return w.AuthFile != "" || w.TLS.ClientCA != "" }

func (w Worker) validateAddress(p *Problems, field, address string) {
	if err := CheckListenAddress(address, Protection{TLS: w.TLS.On(), Login: w.Login(), Insecure: w.Insecure}); err != nil {
		p.Add(field, ReasonWorker, "%v", err)
	}
}
