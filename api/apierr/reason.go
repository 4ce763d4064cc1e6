package apierr

// Domain is the domain of every ErrorInfo that a worker makes.
const Domain = "frameport"

// Reason says which error it is. Reasons are never renamed or reused; new ones may
// come, so a client falls back on the gRPC code for those that it doesn't know.
type Reason string

// Cameras.
const (
	// CameraNotFound (NOT_FOUND): no camera has this id, or the caller may not see it.
	CameraNotFound Reason = "CAMERA_NOT_FOUND"
	// CameraAlreadyExists (ALREADY_EXISTS): the id is taken by a camera with another spec.
	CameraAlreadyExists Reason = "CAMERA_ALREADY_EXISTS"
	// CameraRemoved (NOT_FOUND): the camera was removed during the call.
	CameraRemoved Reason = "CAMERA_REMOVED"
	// TooManyCameras (RESOURCE_EXHAUSTED): the worker's limit is reached.
	TooManyCameras Reason = "TOO_MANY_CAMERAS"
	// OutOfDeviceMemory (RESOURCE_EXHAUSTED): the camera, or the stream of batches, does not
	// fit the GPU or its budget.
	OutOfDeviceMemory Reason = "OUT_OF_DEVICE_MEMORY"
	// Overloaded (RESOURCE_EXHAUSTED): processors, or the worker's memory limit, don't
	// suffice for the cameras that are there already.
	Overloaded Reason = "OVERLOADED"
	// BackendUnavailable (FAILED_PRECONDITION): this worker doesn't have the backend
	// or device that the spec asks for.
	BackendUnavailable Reason = "BACKEND_UNAVAILABLE"
	// StateNotSaved (INTERNAL): the change could not be written to the state
	// directory and is not in force.
	StateNotSaved Reason = "STATE_NOT_SAVED"
)

// Frames and streams.
const (
	// NoFrameYet (UNAVAILABLE): the camera has not delivered a frame; [MetaState] and
	// [MetaFaultClass] say why.
	NoFrameYet Reason = "NO_FRAME_YET"
	// WaitExpired (DEADLINE_EXCEEDED): no frame qualified within the wait.
	WaitExpired Reason = "WAIT_EXPIRED"
	// DecodeDisabled (FAILED_PRECONDITION): the camera's decode mode is NONE.
	DecodeDisabled Reason = "DECODE_DISABLED"
	// FrameTooLarge (RESOURCE_EXHAUSTED): the message would be larger than the client
	// or the worker allows; [MetaRequiredBytes] and [MetaLimitBytes] say by how much.
	FrameTooLarge Reason = "FRAME_TOO_LARGE"
	// SlowConsumer (RESOURCE_EXHAUSTED): nothing could be written to the client for too long.
	SlowConsumer Reason = "SLOW_CONSUMER"
	// TooManyStreams (RESOURCE_EXHAUSTED): too many streams are open for one more like
	// this; [MetaRequiredBytes] and [MetaLimitBytes] say what they would add up to.
	TooManyStreams Reason = "TOO_MANY_STREAMS"
	// OutOfSharedMemory (RESOURCE_EXHAUSTED): the worker or its file system has no room
	// for the shared memory of one more stream.
	OutOfSharedMemory Reason = "OUT_OF_SHARED_MEMORY"
	// SharedMemoryLost (ABORTED): somebody has shortened or removed the file that the
	// stream's batches lie in.
	SharedMemoryLost Reason = "SHARED_MEMORY_LOST"
	// TooManyLeases (RESOURCE_EXHAUSTED): all clients of a camera together would hold more
	// frames than the worker allows.
	TooManyLeases Reason = "TOO_MANY_LEASES"
	// RenderFailed (INTERNAL): the frame could not be converted or encoded.
	RenderFailed Reason = "RENDER_FAILED"
	// UnknownLease (INVALID_ARGUMENT): the client acked a lease that it never had, or
	// acked one twice.
	UnknownLease Reason = "UNKNOWN_LEASE"
)

// Inference servers.
const (
	// InferenceServerNotFound (NOT_FOUND): the worker was not started with a server of
	// that name.
	InferenceServerNotFound Reason = "INFERENCE_SERVER_NOT_FOUND"
	// InferenceServerUnavailable (UNAVAILABLE): the server can't be reached, or is not ready.
	InferenceServerUnavailable Reason = "INFERENCE_SERVER_UNAVAILABLE"
	// ModelNotFound (NOT_FOUND): the server has no such model.
	ModelNotFound Reason = "MODEL_NOT_FOUND"
	// ModelMismatch (FAILED_PRECONDITION): the model takes no such tensor.
	ModelMismatch Reason = "MODEL_MISMATCH"
	// InferenceFailed (ABORTED): the server refused a batch.
	InferenceFailed Reason = "INFERENCE_FAILED"
)

// Requests that are wrong in themselves (INVALID_ARGUMENT). The field is named in
// google.rpc.BadRequest.
const (
	InvalidCameraID        Reason = "INVALID_CAMERA_ID"
	InvalidURL             Reason = "INVALID_URL"
	InvalidCredentials     Reason = "INVALID_CREDENTIALS"
	InvalidTransport       Reason = "INVALID_TRANSPORT"
	InvalidTLS             Reason = "INVALID_TLS"
	InvalidLabels          Reason = "INVALID_LABELS"
	InvalidDecodePolicy    Reason = "INVALID_DECODE_POLICY"
	InvalidFrameSpec       Reason = "INVALID_FRAME_SPEC"
	InvalidBackend         Reason = "INVALID_BACKEND"
	InvalidDevice          Reason = "INVALID_DEVICE"
	SpecRequired           Reason = "SPEC_REQUIRED"
	UnknownFieldPath       Reason = "UNKNOWN_FIELD_PATH"
	InvalidLabelSelector   Reason = "INVALID_LABEL_SELECTOR"
	InvalidPageSize        Reason = "INVALID_PAGE_SIZE"
	InvalidPageToken       Reason = "INVALID_PAGE_TOKEN"
	InvalidFormat          Reason = "INVALID_FORMAT"
	InvalidQuality         Reason = "INVALID_QUALITY"
	InvalidSize            Reason = "INVALID_SIZE"
	InvalidFit             Reason = "INVALID_FIT"
	InvalidCrop            Reason = "INVALID_CROP"
	InvalidMaxAge          Reason = "INVALID_MAX_AGE"
	InvalidWait            Reason = "INVALID_WAIT"
	InvalidMaxFPS          Reason = "INVALID_MAX_FPS"
	InvalidMaxMessageBytes Reason = "INVALID_MAX_MESSAGE_BYTES"
	InvalidCredits         Reason = "INVALID_CREDITS"
	InvalidInterval        Reason = "INVALID_INTERVAL"
	InvalidTensor          Reason = "INVALID_TENSOR"
	InvalidBatch           Reason = "INVALID_BATCH" // max_batch_size or max_wait
	InvalidDelivery        Reason = "INVALID_DELIVERY"
	InvalidShare           Reason = "INVALID_SHARE"     // max_leases, lease_duration or kind
	InvalidInference       Reason = "INVALID_INFERENCE" // model, input or outputs
	InvalidMessage         Reason = "INVALID_MESSAGE"   // the bytes are no message of the method
	StartRequired          Reason = "START_REQUIRED"    // a stream's first message is not its start
	StartRepeated          Reason = "START_REPEATED"    // start came twice on a stream
)

// What one client may have.
const (
	// TooManyClientConnections (RESOURCE_EXHAUSTED): the client uses as many connections as
	// one may, or all that the worker has for clients are in use.
	TooManyClientConnections Reason = "TOO_MANY_CLIENT_CONNECTIONS"
	// TooManyClientStreams (RESOURCE_EXHAUSTED): the client has as many streams open as one
	// may, in all or of one camera, which is then in [MetaCameraID].
	TooManyClientStreams Reason = "TOO_MANY_CLIENT_STREAMS"
	// TooManyClientCameras (RESOURCE_EXHAUSTED): there are as many cameras that the token or
	// certificate is for as it may have.
	TooManyClientCameras Reason = "TOO_MANY_CLIENT_CAMERAS"
	// TooManyChanges (RESOURCE_EXHAUSTED): the client adds and updates cameras too fast.
	TooManyChanges Reason = "TOO_MANY_CHANGES"
)

// Who calls.
const (
	// TokenRequired (UNAUTHENTICATED): the worker wants a token or a client certificate.
	TokenRequired Reason = "TOKEN_REQUIRED"
	// TokenInvalid (UNAUTHENTICATED): nobody has this token or certificate, or not any
	// more. Streams end with it when the token is taken back.
	TokenInvalid Reason = "TOKEN_INVALID"
	// TokenExpired (UNAUTHENTICATED): the time of the token or certificate is over.
	TokenExpired Reason = "TOKEN_EXPIRED"
	// PermissionDenied (PERMISSION_DENIED): the role of the token or certificate does not
	// include the call, or its cameras not such a camera.
	PermissionDenied Reason = "PERMISSION_DENIED"
)

// The worker as a whole.
const (
	// DecodeModeUnimplemented (UNIMPLEMENTED): this version can't decode that way.
	DecodeModeUnimplemented Reason = "DECODE_MODE_UNIMPLEMENTED"
	// DeliveryUnimplemented (UNIMPLEMENTED): this version can't deliver that way.
	DeliveryUnimplemented Reason = "DELIVERY_UNIMPLEMENTED"
	// DeliveryUnavailable (FAILED_PRECONDITION): this worker can deliver that way, but
	// not now, or not to this client.
	DeliveryUnavailable Reason = "DELIVERY_UNAVAILABLE"
	// SharingUnavailable (FAILED_PRECONDITION): this worker shares no frames, or not with
	// this client, or not in this way.
	SharingUnavailable Reason = "SHARING_UNAVAILABLE"
	// MethodUnimplemented (UNIMPLEMENTED): the method is in the contract, but not in this version.
	MethodUnimplemented Reason = "METHOD_UNIMPLEMENTED"
	// ShuttingDown (UNAVAILABLE): the worker is stopping; try another one, or later.
	ShuttingDown Reason = "SHUTTING_DOWN"
	// InternalError (INTERNAL): a fault of the worker itself.
	InternalError Reason = "INTERNAL_ERROR"
)

// Keys of the metadata in ErrorInfo.
const (
	MetaCameraID      = "camera_id"      // camera concerned
	MetaState         = "state"          // its state, as in CameraState: "CAMERA_STATE_FAILED"
	MetaFaultClass    = "fault_class"    // its fault, as in FaultClass: "FAULT_CLASS_AUTH"
	MetaRequiredBytes = "required_bytes" // what would have been needed, decimal
	MetaLimitBytes    = "limit_bytes"    // what is allowed, decimal
	MetaLimit         = "limit"          // what is allowed, decimal, when it is not bytes
	MetaMethod        = "method"         // full name of the method: "/frameport.v1.FrameService/ShareFrames"
)
