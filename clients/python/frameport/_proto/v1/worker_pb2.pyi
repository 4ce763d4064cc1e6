from . import backend_pb2 as _backend_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AccessStatus(_message.Message):
    __slots__ = ["certificate_end_time", "insecure", "login", "tls"]
    CERTIFICATE_END_TIME_FIELD_NUMBER: _ClassVar[int]
    INSECURE_FIELD_NUMBER: _ClassVar[int]
    LOGIN_FIELD_NUMBER: _ClassVar[int]
    TLS_FIELD_NUMBER: _ClassVar[int]
    certificate_end_time: _timestamp_pb2.Timestamp
    insecure: bool
    login: bool
    tls: bool
    def __init__(self, insecure: bool = ..., tls: bool = ..., login: bool = ..., certificate_end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class BackendStatus(_message.Message):
    __slots__ = ["kind", "notes", "reason", "requested"]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_FIELD_NUMBER: _ClassVar[int]
    kind: _backend_pb2.BackendKind
    notes: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    requested: _backend_pb2.BackendKind
    def __init__(self, kind: _Optional[_Union[_backend_pb2.BackendKind, str]] = ..., requested: _Optional[_Union[_backend_pb2.BackendKind, str]] = ..., reason: _Optional[str] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class CameraCounts(_message.Message):
    __slots__ = ["connecting", "degraded", "failed", "running", "stalled", "stopped", "total"]
    CONNECTING_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    STALLED_FIELD_NUMBER: _ClassVar[int]
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    connecting: int
    degraded: int
    failed: int
    running: int
    stalled: int
    stopped: int
    total: int
    def __init__(self, total: _Optional[int] = ..., connecting: _Optional[int] = ..., running: _Optional[int] = ..., degraded: _Optional[int] = ..., stalled: _Optional[int] = ..., failed: _Optional[int] = ..., stopped: _Optional[int] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ["cameras", "decoder_utilization", "driver_version", "index", "jpeg_encoder", "ledger", "memory_budget_bytes", "memory_free_bytes", "memory_promised_bytes", "memory_reserve_bytes", "memory_total_bytes", "memory_used_bytes", "name", "nvdec_engines", "utilization", "uuid"]
    CAMERAS_FIELD_NUMBER: _ClassVar[int]
    DECODER_UTILIZATION_FIELD_NUMBER: _ClassVar[int]
    DRIVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    JPEG_ENCODER_FIELD_NUMBER: _ClassVar[int]
    LEDGER_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BUDGET_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_PROMISED_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_RESERVE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NVDEC_ENGINES_FIELD_NUMBER: _ClassVar[int]
    UTILIZATION_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    cameras: int
    decoder_utilization: float
    driver_version: str
    index: int
    jpeg_encoder: str
    ledger: DeviceLedger
    memory_budget_bytes: int
    memory_free_bytes: int
    memory_promised_bytes: int
    memory_reserve_bytes: int
    memory_total_bytes: int
    memory_used_bytes: int
    name: str
    nvdec_engines: int
    utilization: float
    uuid: str
    def __init__(self, uuid: _Optional[str] = ..., index: _Optional[int] = ..., name: _Optional[str] = ..., driver_version: _Optional[str] = ..., nvdec_engines: _Optional[int] = ..., utilization: _Optional[float] = ..., decoder_utilization: _Optional[float] = ..., memory_total_bytes: _Optional[int] = ..., memory_used_bytes: _Optional[int] = ..., memory_free_bytes: _Optional[int] = ..., memory_budget_bytes: _Optional[int] = ..., ledger: _Optional[_Union[DeviceLedger, _Mapping]] = ..., cameras: _Optional[int] = ..., memory_reserve_bytes: _Optional[int] = ..., memory_promised_bytes: _Optional[int] = ..., jpeg_encoder: _Optional[str] = ...) -> None: ...

class DeviceLedger(_message.Message):
    __slots__ = ["batch_bytes", "camera_bytes", "context_bytes", "decoder_bytes", "driver_reported_bytes", "fixed_bytes", "jpeg_bytes", "marginal_bytes_per_camera", "module_bytes", "other_bytes", "ring_bytes", "unaccounted_bytes"]
    BATCH_BYTES_FIELD_NUMBER: _ClassVar[int]
    CAMERA_BYTES_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_BYTES_FIELD_NUMBER: _ClassVar[int]
    DECODER_BYTES_FIELD_NUMBER: _ClassVar[int]
    DRIVER_REPORTED_BYTES_FIELD_NUMBER: _ClassVar[int]
    FIXED_BYTES_FIELD_NUMBER: _ClassVar[int]
    JPEG_BYTES_FIELD_NUMBER: _ClassVar[int]
    MARGINAL_BYTES_PER_CAMERA_FIELD_NUMBER: _ClassVar[int]
    MODULE_BYTES_FIELD_NUMBER: _ClassVar[int]
    OTHER_BYTES_FIELD_NUMBER: _ClassVar[int]
    RING_BYTES_FIELD_NUMBER: _ClassVar[int]
    UNACCOUNTED_BYTES_FIELD_NUMBER: _ClassVar[int]
    batch_bytes: int
    camera_bytes: int
    context_bytes: int
    decoder_bytes: int
    driver_reported_bytes: int
    fixed_bytes: int
    jpeg_bytes: int
    marginal_bytes_per_camera: int
    module_bytes: int
    other_bytes: int
    ring_bytes: int
    unaccounted_bytes: int
    def __init__(self, context_bytes: _Optional[int] = ..., module_bytes: _Optional[int] = ..., jpeg_bytes: _Optional[int] = ..., decoder_bytes: _Optional[int] = ..., ring_bytes: _Optional[int] = ..., other_bytes: _Optional[int] = ..., fixed_bytes: _Optional[int] = ..., camera_bytes: _Optional[int] = ..., marginal_bytes_per_camera: _Optional[int] = ..., driver_reported_bytes: _Optional[int] = ..., unaccounted_bytes: _Optional[int] = ..., batch_bytes: _Optional[int] = ...) -> None: ...

class Worker(_message.Message):
    __slots__ = ["access", "backend", "cameras", "devices", "frame_host_bytes", "instance_id", "limits", "live_frames", "snapshot_time", "start_time", "uptime", "version"]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    CAMERAS_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    FRAME_HOST_BYTES_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    LIVE_FRAMES_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    access: AccessStatus
    backend: BackendStatus
    cameras: CameraCounts
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    frame_host_bytes: int
    instance_id: str
    limits: WorkerLimits
    live_frames: int
    snapshot_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    uptime: _duration_pb2.Duration
    version: str
    def __init__(self, version: _Optional[str] = ..., instance_id: _Optional[str] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., uptime: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., backend: _Optional[_Union[BackendStatus, _Mapping]] = ..., devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ..., limits: _Optional[_Union[WorkerLimits, _Mapping]] = ..., cameras: _Optional[_Union[CameraCounts, _Mapping]] = ..., frame_host_bytes: _Optional[int] = ..., live_frames: _Optional[int] = ..., snapshot_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., access: _Optional[_Union[AccessStatus, _Mapping]] = ...) -> None: ...

class WorkerLimits(_message.Message):
    __slots__ = ["max_access_unit_bytes", "max_cameras", "max_concurrent_streams", "max_nal_units", "max_picture_height", "max_picture_pixels", "max_picture_width", "max_request_bytes", "max_response_bytes"]
    MAX_ACCESS_UNIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_CAMERAS_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENT_STREAMS_FIELD_NUMBER: _ClassVar[int]
    MAX_NAL_UNITS_FIELD_NUMBER: _ClassVar[int]
    MAX_PICTURE_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    MAX_PICTURE_PIXELS_FIELD_NUMBER: _ClassVar[int]
    MAX_PICTURE_WIDTH_FIELD_NUMBER: _ClassVar[int]
    MAX_REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_RESPONSE_BYTES_FIELD_NUMBER: _ClassVar[int]
    max_access_unit_bytes: int
    max_cameras: int
    max_concurrent_streams: int
    max_nal_units: int
    max_picture_height: int
    max_picture_pixels: int
    max_picture_width: int
    max_request_bytes: int
    max_response_bytes: int
    def __init__(self, max_cameras: _Optional[int] = ..., max_request_bytes: _Optional[int] = ..., max_response_bytes: _Optional[int] = ..., max_access_unit_bytes: _Optional[int] = ..., max_nal_units: _Optional[int] = ..., max_picture_width: _Optional[int] = ..., max_picture_height: _Optional[int] = ..., max_picture_pixels: _Optional[int] = ..., max_concurrent_streams: _Optional[int] = ...) -> None: ...
