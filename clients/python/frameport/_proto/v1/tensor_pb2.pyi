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

CHANNEL_ORDER_BGR: ChannelOrder
CHANNEL_ORDER_RGB: ChannelOrder
CHANNEL_ORDER_UNSPECIFIED: ChannelOrder
DELIVERY_CUDA_IPC: Delivery
DELIVERY_INLINE: Delivery
DELIVERY_SHARED_MEMORY: Delivery
DELIVERY_UNSPECIFIED: Delivery
DESCRIPTOR: _descriptor.FileDescriptor
TENSOR_DTYPE_FLOAT16: TensorDtype
TENSOR_DTYPE_FLOAT32: TensorDtype
TENSOR_DTYPE_UINT8: TensorDtype
TENSOR_DTYPE_UNSPECIFIED: TensorDtype
TENSOR_LAYOUT_NCHW: TensorLayout
TENSOR_LAYOUT_NHWC: TensorLayout
TENSOR_LAYOUT_UNSPECIFIED: TensorLayout

class Batch(_message.Message):
    __slots__ = ["batch_number", "data", "dtype", "entries", "layout", "sent_time", "shape", "shared"]
    BATCH_NUMBER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    SENT_TIME_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    batch_number: int
    data: bytes
    dtype: TensorDtype
    entries: _containers.RepeatedCompositeFieldContainer[BatchEntry]
    layout: TensorLayout
    sent_time: _timestamp_pb2.Timestamp
    shape: _containers.RepeatedScalarFieldContainer[int]
    shared: SharedTensor
    def __init__(self, batch_number: _Optional[int] = ..., entries: _Optional[_Iterable[_Union[BatchEntry, _Mapping]]] = ..., dtype: _Optional[_Union[TensorDtype, str]] = ..., layout: _Optional[_Union[TensorLayout, str]] = ..., shape: _Optional[_Iterable[int]] = ..., data: _Optional[bytes] = ..., shared: _Optional[_Union[SharedTensor, _Mapping]] = ..., sent_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class BatchEntry(_message.Message):
    __slots__ = ["camera_id", "capture_time", "capture_time_error", "capture_time_source", "corrupt", "decoded_time", "epoch", "key_frame", "pts", "received_time", "sequence", "skipped", "source_height", "source_width", "transform"]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_TIME_ERROR_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_TIME_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_TIME_SOURCE_FIELD_NUMBER: _ClassVar[int]
    CORRUPT_FIELD_NUMBER: _ClassVar[int]
    DECODED_TIME_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    KEY_FRAME_FIELD_NUMBER: _ClassVar[int]
    PTS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_TIME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_WIDTH_FIELD_NUMBER: _ClassVar[int]
    TRANSFORM_FIELD_NUMBER: _ClassVar[int]
    camera_id: str
    capture_time: _timestamp_pb2.Timestamp
    capture_time_error: _duration_pb2.Duration
    capture_time_source: _media_pb2.CaptureTimeSource
    corrupt: bool
    decoded_time: _timestamp_pb2.Timestamp
    epoch: int
    key_frame: bool
    pts: _duration_pb2.Duration
    received_time: _timestamp_pb2.Timestamp
    sequence: int
    skipped: _frame_pb2.Skipped
    source_height: int
    source_width: int
    transform: _media_pb2.Transform
    def __init__(self, camera_id: _Optional[str] = ..., epoch: _Optional[int] = ..., sequence: _Optional[int] = ..., pts: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., capture_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., capture_time_source: _Optional[_Union[_media_pb2.CaptureTimeSource, str]] = ..., capture_time_error: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., received_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., decoded_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., source_width: _Optional[int] = ..., source_height: _Optional[int] = ..., transform: _Optional[_Union[_media_pb2.Transform, _Mapping]] = ..., key_frame: bool = ..., corrupt: bool = ..., skipped: _Optional[_Union[_frame_pb2.Skipped, _Mapping]] = ...) -> None: ...

class SharedTensor(_message.Message):
    __slots__ = ["byte_size", "expire_time", "lease_id", "offset", "region"]
    BYTE_SIZE_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    byte_size: int
    expire_time: _timestamp_pb2.Timestamp
    lease_id: int
    offset: int
    region: str
    def __init__(self, region: _Optional[str] = ..., offset: _Optional[int] = ..., byte_size: _Optional[int] = ..., lease_id: _Optional[int] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class TensorSpec(_message.Message):
    __slots__ = ["channel_order", "dtype", "fit", "height", "layout", "mean", "pad_value", "scale", "std", "width"]
    CHANNEL_ORDER_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    FIT_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    PAD_VALUE_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    channel_order: ChannelOrder
    dtype: TensorDtype
    fit: _output_pb2.Fit
    height: int
    layout: TensorLayout
    mean: _containers.RepeatedScalarFieldContainer[float]
    pad_value: float
    scale: float
    std: _containers.RepeatedScalarFieldContainer[float]
    width: int
    def __init__(self, dtype: _Optional[_Union[TensorDtype, str]] = ..., layout: _Optional[_Union[TensorLayout, str]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., fit: _Optional[_Union[_output_pb2.Fit, str]] = ..., channel_order: _Optional[_Union[ChannelOrder, str]] = ..., scale: _Optional[float] = ..., mean: _Optional[_Iterable[float]] = ..., std: _Optional[_Iterable[float]] = ..., pad_value: _Optional[float] = ...) -> None: ...

class TensorDtype(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class TensorLayout(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class ChannelOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Delivery(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
