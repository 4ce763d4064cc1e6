from . import camera_pb2 as _camera_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

CAMERA_EVENT_TYPE_ADDED: CameraEventType
CAMERA_EVENT_TYPE_CURRENT: CameraEventType
CAMERA_EVENT_TYPE_REMOVED: CameraEventType
CAMERA_EVENT_TYPE_SPEC_CHANGED: CameraEventType
CAMERA_EVENT_TYPE_STATUS_CHANGED: CameraEventType
CAMERA_EVENT_TYPE_SYNCED: CameraEventType
CAMERA_EVENT_TYPE_UNSPECIFIED: CameraEventType
DESCRIPTOR: _descriptor.FileDescriptor

class AddCameraRequest(_message.Message):
    __slots__ = ["camera_id", "spec"]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    camera_id: str
    spec: _camera_pb2.CameraSpec
    def __init__(self, camera_id: _Optional[str] = ..., spec: _Optional[_Union[_camera_pb2.CameraSpec, _Mapping]] = ...) -> None: ...

class AddCameraResponse(_message.Message):
    __slots__ = ["camera"]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    camera: _camera_pb2.Camera
    def __init__(self, camera: _Optional[_Union[_camera_pb2.Camera, _Mapping]] = ...) -> None: ...

class GetCameraRequest(_message.Message):
    __slots__ = ["camera_id"]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    camera_id: str
    def __init__(self, camera_id: _Optional[str] = ...) -> None: ...

class GetCameraResponse(_message.Message):
    __slots__ = ["camera"]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    camera: _camera_pb2.Camera
    def __init__(self, camera: _Optional[_Union[_camera_pb2.Camera, _Mapping]] = ...) -> None: ...

class ListCamerasRequest(_message.Message):
    __slots__ = ["label_selector", "page_size", "page_token"]
    LABEL_SELECTOR_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    label_selector: str
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., label_selector: _Optional[str] = ...) -> None: ...

class ListCamerasResponse(_message.Message):
    __slots__ = ["cameras", "next_page_token", "total_size"]
    CAMERAS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    cameras: _containers.RepeatedCompositeFieldContainer[_camera_pb2.Camera]
    next_page_token: str
    total_size: int
    def __init__(self, cameras: _Optional[_Iterable[_Union[_camera_pb2.Camera, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ...) -> None: ...

class RemoveCameraRequest(_message.Message):
    __slots__ = ["camera_id"]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    camera_id: str
    def __init__(self, camera_id: _Optional[str] = ...) -> None: ...

class RemoveCameraResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class UpdateCameraRequest(_message.Message):
    __slots__ = ["camera_id", "spec", "update_mask"]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    camera_id: str
    spec: _camera_pb2.CameraSpec
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, camera_id: _Optional[str] = ..., spec: _Optional[_Union[_camera_pb2.CameraSpec, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateCameraResponse(_message.Message):
    __slots__ = ["camera"]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    camera: _camera_pb2.Camera
    def __init__(self, camera: _Optional[_Union[_camera_pb2.Camera, _Mapping]] = ...) -> None: ...

class WatchCamerasRequest(_message.Message):
    __slots__ = ["camera_ids", "label_selector"]
    CAMERA_IDS_FIELD_NUMBER: _ClassVar[int]
    LABEL_SELECTOR_FIELD_NUMBER: _ClassVar[int]
    camera_ids: _containers.RepeatedScalarFieldContainer[str]
    label_selector: str
    def __init__(self, camera_ids: _Optional[_Iterable[str]] = ..., label_selector: _Optional[str] = ...) -> None: ...

class WatchCamerasResponse(_message.Message):
    __slots__ = ["camera", "cause", "merged", "time", "type"]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    MERGED_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    camera: _camera_pb2.Camera
    cause: str
    merged: int
    time: _timestamp_pb2.Timestamp
    type: CameraEventType
    def __init__(self, type: _Optional[_Union[CameraEventType, str]] = ..., cause: _Optional[str] = ..., camera: _Optional[_Union[_camera_pb2.Camera, _Mapping]] = ..., merged: _Optional[int] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CameraEventType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
