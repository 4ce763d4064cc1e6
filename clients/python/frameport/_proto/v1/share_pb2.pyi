from . import frame_pb2 as _frame_pb2
from . import media_pb2 as _media_pb2
from . import output_pb2 as _output_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
REGION_KIND_CUDA_IPC: RegionKind
REGION_KIND_SHARED_MEMORY: RegionKind
REGION_KIND_UNSPECIFIED: RegionKind

class FrameLease(_message.Message):
    __slots__ = ["byte_size", "camera_id", "capture_time", "capture_time_error", "capture_time_source", "corrupt", "decoded_time", "epoch", "expire_time", "generation", "key_frame", "lease_id", "offset", "pts", "received_time", "region", "sent_time", "sequence", "skipped", "slot"]
    BYTE_SIZE_FIELD_NUMBER: _ClassVar[int]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_TIME_ERROR_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_TIME_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_TIME_SOURCE_FIELD_NUMBER: _ClassVar[int]
    CORRUPT_FIELD_NUMBER: _ClassVar[int]
    DECODED_TIME_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    KEY_FRAME_FIELD_NUMBER: _ClassVar[int]
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    PTS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_TIME_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    SENT_TIME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    byte_size: int
    camera_id: str
    capture_time: _timestamp_pb2.Timestamp
    capture_time_error: _duration_pb2.Duration
    capture_time_source: _media_pb2.CaptureTimeSource
    corrupt: bool
    decoded_time: _timestamp_pb2.Timestamp
    epoch: int
    expire_time: _timestamp_pb2.Timestamp
    generation: int
    key_frame: bool
    lease_id: int
    offset: int
    pts: _duration_pb2.Duration
    received_time: _timestamp_pb2.Timestamp
    region: str
    sent_time: _timestamp_pb2.Timestamp
    sequence: int
    skipped: _frame_pb2.Skipped
    slot: int
    def __init__(self, lease_id: _Optional[int] = ..., region: _Optional[str] = ..., slot: _Optional[int] = ..., offset: _Optional[int] = ..., byte_size: _Optional[int] = ..., generation: _Optional[int] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., camera_id: _Optional[str] = ..., epoch: _Optional[int] = ..., sequence: _Optional[int] = ..., pts: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., capture_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., capture_time_source: _Optional[_Union[_media_pb2.CaptureTimeSource, str]] = ..., capture_time_error: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., received_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., decoded_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., sent_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., key_frame: bool = ..., corrupt: bool = ..., skipped: _Optional[_Union[_frame_pb2.Skipped, _Mapping]] = ...) -> None: ...

class LeaseAck(_message.Message):
    __slots__ = ["lease_id"]
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    lease_id: int
    def __init__(self, lease_id: _Optional[int] = ...) -> None: ...

class ShareOpen(_message.Message):
    __slots__ = ["camera_id", "kind", "lease_duration", "max_fps", "max_leases"]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LEASE_DURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_FPS_FIELD_NUMBER: _ClassVar[int]
    MAX_LEASES_FIELD_NUMBER: _ClassVar[int]
    camera_id: str
    kind: RegionKind
    lease_duration: _duration_pb2.Duration
    max_fps: float
    max_leases: int
    def __init__(self, camera_id: _Optional[str] = ..., kind: _Optional[_Union[RegionKind, str]] = ..., max_leases: _Optional[int] = ..., lease_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., max_fps: _Optional[float] = ...) -> None: ...

class SharedRegion(_message.Message):
    __slots__ = ["byte_size", "color", "device_id", "device_uuid", "format", "generation_offset", "height", "key", "kind", "name", "offset", "pitch", "planes", "raw_handle", "slot_count", "slot_stride", "width"]
    BYTE_SIZE_FIELD_NUMBER: _ClassVar[int]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_UUID_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    GENERATION_OFFSET_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    PITCH_FIELD_NUMBER: _ClassVar[int]
    PLANES_FIELD_NUMBER: _ClassVar[int]
    RAW_HANDLE_FIELD_NUMBER: _ClassVar[int]
    SLOT_COUNT_FIELD_NUMBER: _ClassVar[int]
    SLOT_STRIDE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    byte_size: int
    color: _media_pb2.ColorSpec
    device_id: int
    device_uuid: str
    format: _output_pb2.ImageFormat
    generation_offset: int
    height: int
    key: str
    kind: RegionKind
    name: str
    offset: int
    pitch: int
    planes: _containers.RepeatedCompositeFieldContainer[_frame_pb2.Plane]
    raw_handle: bytes
    slot_count: int
    slot_stride: int
    width: int
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[RegionKind, str]] = ..., key: _Optional[str] = ..., raw_handle: _Optional[bytes] = ..., device_id: _Optional[int] = ..., device_uuid: _Optional[str] = ..., offset: _Optional[int] = ..., byte_size: _Optional[int] = ..., slot_count: _Optional[int] = ..., slot_stride: _Optional[int] = ..., pitch: _Optional[int] = ..., format: _Optional[_Union[_output_pb2.ImageFormat, str]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., planes: _Optional[_Iterable[_Union[_frame_pb2.Plane, _Mapping]]] = ..., color: _Optional[_Union[_media_pb2.ColorSpec, _Mapping]] = ..., generation_offset: _Optional[int] = ...) -> None: ...

class RegionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
