from . import worker_pb2 as _worker_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetClockRequest(_message.Message):
    __slots__ = ["client_send_time"]
    CLIENT_SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    client_send_time: _timestamp_pb2.Timestamp
    def __init__(self, client_send_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetClockResponse(_message.Message):
    __slots__ = ["client_send_time", "worker_receive_time", "worker_send_time"]
    CLIENT_SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    WORKER_RECEIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    WORKER_SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    client_send_time: _timestamp_pb2.Timestamp
    worker_receive_time: _timestamp_pb2.Timestamp
    worker_send_time: _timestamp_pb2.Timestamp
    def __init__(self, client_send_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., worker_receive_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., worker_send_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetWorkerRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class GetWorkerResponse(_message.Message):
    __slots__ = ["worker"]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    worker: _worker_pb2.Worker
    def __init__(self, worker: _Optional[_Union[_worker_pb2.Worker, _Mapping]] = ...) -> None: ...

class WatchWorkerRequest(_message.Message):
    __slots__ = ["interval"]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    interval: _duration_pb2.Duration
    def __init__(self, interval: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchWorkerResponse(_message.Message):
    __slots__ = ["worker"]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    worker: _worker_pb2.Worker
    def __init__(self, worker: _Optional[_Union[_worker_pb2.Worker, _Mapping]] = ...) -> None: ...
