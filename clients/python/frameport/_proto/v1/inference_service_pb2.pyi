from . import tensor_pb2 as _tensor_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Inference(_message.Message):
    __slots__ = ["entries", "inference_number", "model_name", "model_version", "outputs", "request_time", "response_time", "sent_time"]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    INFERENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_TIME_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_TIME_FIELD_NUMBER: _ClassVar[int]
    SENT_TIME_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.BatchEntry]
    inference_number: int
    model_name: str
    model_version: str
    outputs: _containers.RepeatedCompositeFieldContainer[InferenceOutput]
    request_time: _timestamp_pb2.Timestamp
    response_time: _timestamp_pb2.Timestamp
    sent_time: _timestamp_pb2.Timestamp
    def __init__(self, inference_number: _Optional[int] = ..., entries: _Optional[_Iterable[_Union[_tensor_pb2.BatchEntry, _Mapping]]] = ..., model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., outputs: _Optional[_Iterable[_Union[InferenceOutput, _Mapping]]] = ..., request_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., response_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., sent_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class InferenceOutput(_message.Message):
    __slots__ = ["data", "datatype", "name", "shape"]
    DATATYPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    datatype: str
    name: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., datatype: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., data: _Optional[bytes] = ...) -> None: ...

class StreamInferencesRequest(_message.Message):
    __slots__ = ["credits", "start"]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    credits: int
    start: StreamInferencesStart
    def __init__(self, start: _Optional[_Union[StreamInferencesStart, _Mapping]] = ..., credits: _Optional[int] = ...) -> None: ...

class StreamInferencesResponse(_message.Message):
    __slots__ = ["inference"]
    INFERENCE_FIELD_NUMBER: _ClassVar[int]
    inference: Inference
    def __init__(self, inference: _Optional[_Union[Inference, _Mapping]] = ...) -> None: ...

class StreamInferencesStart(_message.Message):
    __slots__ = ["camera_ids", "credits", "delivery", "input_name", "label_selector", "max_batch_size", "max_message_bytes", "max_wait", "model_name", "model_version", "output_names", "server", "tensor"]
    CAMERA_IDS_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    INPUT_NAME_FIELD_NUMBER: _ClassVar[int]
    LABEL_SELECTOR_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_WAIT_FIELD_NUMBER: _ClassVar[int]
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_NAMES_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    TENSOR_FIELD_NUMBER: _ClassVar[int]
    camera_ids: _containers.RepeatedScalarFieldContainer[str]
    credits: int
    delivery: _tensor_pb2.Delivery
    input_name: str
    label_selector: str
    max_batch_size: int
    max_message_bytes: int
    max_wait: _duration_pb2.Duration
    model_name: str
    model_version: str
    output_names: _containers.RepeatedScalarFieldContainer[str]
    server: str
    tensor: _tensor_pb2.TensorSpec
    def __init__(self, camera_ids: _Optional[_Iterable[str]] = ..., label_selector: _Optional[str] = ..., tensor: _Optional[_Union[_tensor_pb2.TensorSpec, _Mapping]] = ..., max_batch_size: _Optional[int] = ..., max_wait: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., server: _Optional[str] = ..., model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., input_name: _Optional[str] = ..., output_names: _Optional[_Iterable[str]] = ..., delivery: _Optional[_Union[_tensor_pb2.Delivery, str]] = ..., credits: _Optional[int] = ..., max_message_bytes: _Optional[int] = ...) -> None: ...
