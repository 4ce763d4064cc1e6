from . import frame_pb2 as _frame_pb2
from . import output_pb2 as _output_pb2
from . import share_pb2 as _share_pb2
from . import tensor_pb2 as _tensor_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetFrameRequest(_message.Message):
    __slots__ = ["camera_id", "max_age", "max_message_bytes", "newer_than", "output", "wait"]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    MAX_AGE_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    NEWER_THAN_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    camera_id: str
    max_age: _duration_pb2.Duration
    max_message_bytes: int
    newer_than: _frame_pb2.FramePosition
    output: _output_pb2.OutputSpec
    wait: _duration_pb2.Duration
    def __init__(self, camera_id: _Optional[str] = ..., output: _Optional[_Union[_output_pb2.OutputSpec, _Mapping]] = ..., newer_than: _Optional[_Union[_frame_pb2.FramePosition, _Mapping]] = ..., max_age: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., wait: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., max_message_bytes: _Optional[int] = ...) -> None: ...

class GetFrameResponse(_message.Message):
    __slots__ = ["frame"]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    frame: _frame_pb2.Frame
    def __init__(self, frame: _Optional[_Union[_frame_pb2.Frame, _Mapping]] = ...) -> None: ...

class ShareFramesRequest(_message.Message):
    __slots__ = ["ack", "open"]
    ACK_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    ack: _share_pb2.LeaseAck
    open: _share_pb2.ShareOpen
    def __init__(self, open: _Optional[_Union[_share_pb2.ShareOpen, _Mapping]] = ..., ack: _Optional[_Union[_share_pb2.LeaseAck, _Mapping]] = ...) -> None: ...

class ShareFramesResponse(_message.Message):
    __slots__ = ["lease", "region"]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    lease: _share_pb2.FrameLease
    region: _share_pb2.SharedRegion
    def __init__(self, region: _Optional[_Union[_share_pb2.SharedRegion, _Mapping]] = ..., lease: _Optional[_Union[_share_pb2.FrameLease, _Mapping]] = ...) -> None: ...

class StreamBatchesRequest(_message.Message):
    __slots__ = ["ack", "credits", "start"]
    ACK_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    ack: _share_pb2.LeaseAck
    credits: int
    start: StreamBatchesStart
    def __init__(self, start: _Optional[_Union[StreamBatchesStart, _Mapping]] = ..., credits: _Optional[int] = ..., ack: _Optional[_Union[_share_pb2.LeaseAck, _Mapping]] = ...) -> None: ...

class StreamBatchesResponse(_message.Message):
    __slots__ = ["batch", "region"]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    batch: _tensor_pb2.Batch
    region: _share_pb2.SharedRegion
    def __init__(self, batch: _Optional[_Union[_tensor_pb2.Batch, _Mapping]] = ..., region: _Optional[_Union[_share_pb2.SharedRegion, _Mapping]] = ...) -> None: ...

class StreamBatchesStart(_message.Message):
    __slots__ = ["camera_ids", "credits", "delivery", "label_selector", "max_batch_size", "max_message_bytes", "max_wait", "tensor"]
    CAMERA_IDS_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    LABEL_SELECTOR_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_WAIT_FIELD_NUMBER: _ClassVar[int]
    TENSOR_FIELD_NUMBER: _ClassVar[int]
    camera_ids: _containers.RepeatedScalarFieldContainer[str]
    credits: int
    delivery: _tensor_pb2.Delivery
    label_selector: str
    max_batch_size: int
    max_message_bytes: int
    max_wait: _duration_pb2.Duration
    tensor: _tensor_pb2.TensorSpec
    def __init__(self, camera_ids: _Optional[_Iterable[str]] = ..., label_selector: _Optional[str] = ..., tensor: _Optional[_Union[_tensor_pb2.TensorSpec, _Mapping]] = ..., max_batch_size: _Optional[int] = ..., max_wait: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., delivery: _Optional[_Union[_tensor_pb2.Delivery, str]] = ..., credits: _Optional[int] = ..., max_message_bytes: _Optional[int] = ...) -> None: ...

class StreamFramesRequest(_message.Message):
    __slots__ = ["camera_ids", "label_selector", "max_fps", "max_message_bytes", "output"]
    CAMERA_IDS_FIELD_NUMBER: _ClassVar[int]
    LABEL_SELECTOR_FIELD_NUMBER: _ClassVar[int]
    MAX_FPS_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    camera_ids: _containers.RepeatedScalarFieldContainer[str]
    label_selector: str
    max_fps: float
    max_message_bytes: int
    output: _output_pb2.OutputSpec
    def __init__(self, camera_ids: _Optional[_Iterable[str]] = ..., label_selector: _Optional[str] = ..., output: _Optional[_Union[_output_pb2.OutputSpec, _Mapping]] = ..., max_fps: _Optional[float] = ..., max_message_bytes: _Optional[int] = ...) -> None: ...

class StreamFramesResponse(_message.Message):
    __slots__ = ["frame"]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    frame: _frame_pb2.Frame
    def __init__(self, frame: _Optional[_Union[_frame_pb2.Frame, _Mapping]] = ...) -> None: ...

class WatchFramesRequest(_message.Message):
    __slots__ = ["credits", "start"]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    credits: int
    start: WatchFramesStart
    def __init__(self, start: _Optional[_Union[WatchFramesStart, _Mapping]] = ..., credits: _Optional[int] = ...) -> None: ...

class WatchFramesResponse(_message.Message):
    __slots__ = ["frame"]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    frame: _frame_pb2.Frame
    def __init__(self, frame: _Optional[_Union[_frame_pb2.Frame, _Mapping]] = ...) -> None: ...

class WatchFramesStart(_message.Message):
    __slots__ = ["camera_ids", "credits", "label_selector", "max_fps", "max_message_bytes", "output"]
    CAMERA_IDS_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    LABEL_SELECTOR_FIELD_NUMBER: _ClassVar[int]
    MAX_FPS_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    camera_ids: _containers.RepeatedScalarFieldContainer[str]
    credits: int
    label_selector: str
    max_fps: float
    max_message_bytes: int
    output: _output_pb2.OutputSpec
    def __init__(self, camera_ids: _Optional[_Iterable[str]] = ..., label_selector: _Optional[str] = ..., output: _Optional[_Union[_output_pb2.OutputSpec, _Mapping]] = ..., max_fps: _Optional[float] = ..., credits: _Optional[int] = ..., max_message_bytes: _Optional[int] = ...) -> None: ...
