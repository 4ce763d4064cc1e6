from . import media_pb2 as _media_pb2
from . import output_pb2 as _output_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Frame(_message.Message):
    __slots__ = ["camera_id", "capture_time", "capture_time_error", "capture_time_source", "color", "corrupt", "data", "decoded_time", "epoch", "format", "height", "key_frame", "planes", "pts", "received_time", "sent_time", "sequence", "skipped", "source_height", "source_width", "transform", "width"]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_TIME_ERROR_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_TIME_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_TIME_SOURCE_FIELD_NUMBER: _ClassVar[int]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    CORRUPT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    DECODED_TIME_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    KEY_FRAME_FIELD_NUMBER: _ClassVar[int]
    PLANES_FIELD_NUMBER: _ClassVar[int]
    PTS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_TIME_FIELD_NUMBER: _ClassVar[int]
    SENT_TIME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_WIDTH_FIELD_NUMBER: _ClassVar[int]
    TRANSFORM_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    camera_id: str
    capture_time: _timestamp_pb2.Timestamp
    capture_time_error: _duration_pb2.Duration
    capture_time_source: _media_pb2.CaptureTimeSource
    color: _media_pb2.ColorSpec
    corrupt: bool
    data: bytes
    decoded_time: _timestamp_pb2.Timestamp
    epoch: int
    format: _output_pb2.ImageFormat
    height: int
    key_frame: bool
    planes: _containers.RepeatedCompositeFieldContainer[Plane]
    pts: _duration_pb2.Duration
    received_time: _timestamp_pb2.Timestamp
    sent_time: _timestamp_pb2.Timestamp
    sequence: int
    skipped: Skipped
    source_height: int
    source_width: int
    transform: _media_pb2.Transform
    width: int
    def __init__(self, camera_id: _Optional[str] = ..., epoch: _Optional[int] = ..., sequence: _Optional[int] = ..., pts: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., capture_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., capture_time_source: _Optional[_Union[_media_pb2.CaptureTimeSource, str]] = ..., capture_time_error: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., received_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., decoded_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., sent_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., format: _Optional[_Union[_output_pb2.ImageFormat, str]] = ..., planes: _Optional[_Iterable[_Union[Plane, _Mapping]]] = ..., data: _Optional[bytes] = ..., key_frame: bool = ..., corrupt: bool = ..., skipped: _Optional[_Union[Skipped, _Mapping]] = ..., color: _Optional[_Union[_media_pb2.ColorSpec, _Mapping]] = ..., source_width: _Optional[int] = ..., source_height: _Optional[int] = ..., transform: _Optional[_Union[_media_pb2.Transform, _Mapping]] = ...) -> None: ...

class FramePosition(_message.Message):
    __slots__ = ["epoch", "sequence"]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    sequence: int
    def __init__(self, epoch: _Optional[int] = ..., sequence: _Optional[int] = ...) -> None: ...

class Plane(_message.Message):
    __slots__ = ["height", "offset", "stride"]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    height: int
    offset: int
    stride: int
    def __init__(self, offset: _Optional[int] = ..., stride: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class Skipped(_message.Message):
    __slots__ = ["decode", "network", "policy", "slow_consumer"]
    DECODE_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    SLOW_CONSUMER_FIELD_NUMBER: _ClassVar[int]
    decode: int
    network: int
    policy: int
    slow_consumer: int
    def __init__(self, policy: _Optional[int] = ..., slow_consumer: _Optional[int] = ..., network: _Optional[int] = ..., decode: _Optional[int] = ...) -> None: ...
