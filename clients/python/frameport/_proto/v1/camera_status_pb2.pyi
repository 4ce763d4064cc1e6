from . import backend_pb2 as _backend_pb2
from . import media_pb2 as _media_pb2
from . import transport_pb2 as _transport_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

CAMERA_STATE_CONNECTING: CameraState
CAMERA_STATE_DEGRADED: CameraState
CAMERA_STATE_FAILED: CameraState
CAMERA_STATE_RUNNING: CameraState
CAMERA_STATE_STALLED: CameraState
CAMERA_STATE_STOPPED: CameraState
CAMERA_STATE_UNSPECIFIED: CameraState
DESCRIPTOR: _descriptor.FileDescriptor
FAULT_CLASS_AUTH: FaultClass
FAULT_CLASS_BUSY: FaultClass
FAULT_CLASS_DECODE: FaultClass
FAULT_CLASS_LIMIT: FaultClass
FAULT_CLASS_NOT_FOUND: FaultClass
FAULT_CLASS_POLICY: FaultClass
FAULT_CLASS_PROTOCOL: FaultClass
FAULT_CLASS_STALLED: FaultClass
FAULT_CLASS_UNREACHABLE: FaultClass
FAULT_CLASS_UNSPECIFIED: FaultClass
FAULT_CLASS_UNSUPPORTED: FaultClass

class CameraClock(_message.Message):
    __slots__ = ["error_bound", "offset", "source"]
    ERROR_BOUND_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    error_bound: _duration_pb2.Duration
    offset: _duration_pb2.Duration
    source: _media_pb2.CaptureTimeSource
    def __init__(self, source: _Optional[_Union[_media_pb2.CaptureTimeSource, str]] = ..., offset: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., error_bound: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CameraCounters(_message.Message):
    __slots__ = ["access_units", "bytes_received", "connect_attempts", "dropped", "frames_corrupt", "frames_decoded", "frames_published", "key_frames", "packets_lost", "packets_received", "reconnects"]
    ACCESS_UNITS_FIELD_NUMBER: _ClassVar[int]
    BYTES_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    CONNECT_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    FRAMES_CORRUPT_FIELD_NUMBER: _ClassVar[int]
    FRAMES_DECODED_FIELD_NUMBER: _ClassVar[int]
    FRAMES_PUBLISHED_FIELD_NUMBER: _ClassVar[int]
    KEY_FRAMES_FIELD_NUMBER: _ClassVar[int]
    PACKETS_LOST_FIELD_NUMBER: _ClassVar[int]
    PACKETS_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    RECONNECTS_FIELD_NUMBER: _ClassVar[int]
    access_units: int
    bytes_received: int
    connect_attempts: int
    dropped: DropCounters
    frames_corrupt: int
    frames_decoded: int
    frames_published: int
    key_frames: int
    packets_lost: int
    packets_received: int
    reconnects: int
    def __init__(self, access_units: _Optional[int] = ..., key_frames: _Optional[int] = ..., frames_decoded: _Optional[int] = ..., frames_published: _Optional[int] = ..., frames_corrupt: _Optional[int] = ..., dropped: _Optional[_Union[DropCounters, _Mapping]] = ..., packets_received: _Optional[int] = ..., packets_lost: _Optional[int] = ..., bytes_received: _Optional[int] = ..., connect_attempts: _Optional[int] = ..., reconnects: _Optional[int] = ...) -> None: ...

class CameraMemory(_message.Message):
    __slots__ = ["device_decoder_bytes", "device_other_bytes", "device_ring_bytes", "host_bytes"]
    DEVICE_DECODER_BYTES_FIELD_NUMBER: _ClassVar[int]
    DEVICE_OTHER_BYTES_FIELD_NUMBER: _ClassVar[int]
    DEVICE_RING_BYTES_FIELD_NUMBER: _ClassVar[int]
    HOST_BYTES_FIELD_NUMBER: _ClassVar[int]
    device_decoder_bytes: int
    device_other_bytes: int
    device_ring_bytes: int
    host_bytes: int
    def __init__(self, device_decoder_bytes: _Optional[int] = ..., device_ring_bytes: _Optional[int] = ..., device_other_bytes: _Optional[int] = ..., host_bytes: _Optional[int] = ...) -> None: ...

class CameraStatus(_message.Message):
    __slots__ = ["backend", "backend_reason", "bitrate", "clock", "codec", "counters", "decoded_fps", "device", "epoch", "fault", "gop", "height", "last_fault", "last_frame_time", "memory", "readers", "received_fps", "sequence", "state", "state_time", "stream_height", "stream_width", "transport", "width"]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    BACKEND_REASON_FIELD_NUMBER: _ClassVar[int]
    BITRATE_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    DECODED_FPS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    GOP_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    LAST_FAULT_FIELD_NUMBER: _ClassVar[int]
    LAST_FRAME_TIME_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    READERS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FPS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_TIME_FIELD_NUMBER: _ClassVar[int]
    STREAM_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    STREAM_WIDTH_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    backend: _backend_pb2.BackendKind
    backend_reason: str
    bitrate: float
    clock: CameraClock
    codec: _media_pb2.Codec
    counters: CameraCounters
    decoded_fps: float
    device: str
    epoch: int
    fault: Fault
    gop: Gop
    height: int
    last_fault: Fault
    last_frame_time: _timestamp_pb2.Timestamp
    memory: CameraMemory
    readers: int
    received_fps: float
    sequence: int
    state: CameraState
    state_time: _timestamp_pb2.Timestamp
    stream_height: int
    stream_width: int
    transport: _transport_pb2.Transport
    width: int
    def __init__(self, state: _Optional[_Union[CameraState, str]] = ..., state_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., fault: _Optional[_Union[Fault, _Mapping]] = ..., last_fault: _Optional[_Union[Fault, _Mapping]] = ..., codec: _Optional[_Union[_media_pb2.Codec, str]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., stream_width: _Optional[int] = ..., stream_height: _Optional[int] = ..., received_fps: _Optional[float] = ..., decoded_fps: _Optional[float] = ..., bitrate: _Optional[float] = ..., epoch: _Optional[int] = ..., sequence: _Optional[int] = ..., last_frame_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., clock: _Optional[_Union[CameraClock, _Mapping]] = ..., gop: _Optional[_Union[Gop, _Mapping]] = ..., counters: _Optional[_Union[CameraCounters, _Mapping]] = ..., transport: _Optional[_Union[_transport_pb2.Transport, str]] = ..., backend: _Optional[_Union[_backend_pb2.BackendKind, str]] = ..., backend_reason: _Optional[str] = ..., device: _Optional[str] = ..., memory: _Optional[_Union[CameraMemory, _Mapping]] = ..., readers: _Optional[int] = ...) -> None: ...

class DropCounters(_message.Message):
    __slots__ = ["decode", "network", "policy", "queue"]
    DECODE_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    decode: int
    network: int
    policy: int
    queue: int
    def __init__(self, policy: _Optional[int] = ..., network: _Optional[int] = ..., decode: _Optional[int] = ..., queue: _Optional[int] = ...) -> None: ...

class Fault(_message.Message):
    __slots__ = ["count", "first_time", "last_time", "message", "next_attempt_time"]
    CLASS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRST_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_TIME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    count: int
    first_time: _timestamp_pb2.Timestamp
    last_time: _timestamp_pb2.Timestamp
    message: str
    next_attempt_time: _timestamp_pb2.Timestamp
    def __init__(self, message: _Optional[str] = ..., count: _Optional[int] = ..., first_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., next_attempt_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., **kwargs) -> None: ...

class Gop(_message.Message):
    __slots__ = ["duration", "frames"]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    duration: _duration_pb2.Duration
    frames: int
    def __init__(self, frames: _Optional[int] = ..., duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CameraState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class FaultClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
