from . import backend_pb2 as _backend_pb2
from . import camera_status_pb2 as _camera_status_pb2
from . import media_pb2 as _media_pb2
from . import transport_pb2 as _transport_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DECODE_MODE_ALL: DecodeMode
DECODE_MODE_KEYFRAMES: DecodeMode
DECODE_MODE_NONE: DecodeMode
DECODE_MODE_ON_DEMAND: DecodeMode
DECODE_MODE_SKIP_NON_REFERENCE: DecodeMode
DECODE_MODE_UNSPECIFIED: DecodeMode
DESCRIPTOR: _descriptor.FileDescriptor
TLS_MODE_INSECURE: TlsMode
TLS_MODE_PIN: TlsMode
TLS_MODE_UNSPECIFIED: TlsMode
TLS_MODE_VERIFY: TlsMode

class Camera(_message.Message):
    __slots__ = ["camera_id", "spec", "status"]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    camera_id: str
    spec: CameraSpec
    status: _camera_status_pb2.CameraStatus
    def __init__(self, camera_id: _Optional[str] = ..., spec: _Optional[_Union[CameraSpec, _Mapping]] = ..., status: _Optional[_Union[_camera_status_pb2.CameraStatus, _Mapping]] = ...) -> None: ...

class CameraSpec(_message.Message):
    __slots__ = ["backend", "credentials", "decode", "device", "frame", "labels", "tls", "transport", "url"]
    class LabelsEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    DECODE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TLS_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    backend: _backend_pb2.BackendKind
    credentials: Credentials
    decode: DecodePolicy
    device: str
    frame: FrameSpec
    labels: _containers.ScalarMap[str, str]
    tls: TlsSpec
    transport: _transport_pb2.Transport
    url: str
    def __init__(self, url: _Optional[str] = ..., credentials: _Optional[_Union[Credentials, _Mapping]] = ..., transport: _Optional[_Union[_transport_pb2.Transport, str]] = ..., tls: _Optional[_Union[TlsSpec, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., decode: _Optional[_Union[DecodePolicy, _Mapping]] = ..., frame: _Optional[_Union[FrameSpec, _Mapping]] = ..., backend: _Optional[_Union[_backend_pb2.BackendKind, str]] = ..., device: _Optional[str] = ...) -> None: ...

class Credentials(_message.Message):
    __slots__ = ["password", "password_set", "username"]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_SET_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    password: str
    password_set: bool
    username: str
    def __init__(self, username: _Optional[str] = ..., password: _Optional[str] = ..., password_set: bool = ...) -> None: ...

class DecodePolicy(_message.Message):
    __slots__ = ["linger", "max_fps", "mode"]
    LINGER_FIELD_NUMBER: _ClassVar[int]
    MAX_FPS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    linger: _duration_pb2.Duration
    max_fps: float
    mode: DecodeMode
    def __init__(self, mode: _Optional[_Union[DecodeMode, str]] = ..., max_fps: _Optional[float] = ..., linger: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class FrameSpec(_message.Message):
    __slots__ = ["color", "max_height", "max_width", "ring_size"]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    MAX_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    MAX_WIDTH_FIELD_NUMBER: _ClassVar[int]
    RING_SIZE_FIELD_NUMBER: _ClassVar[int]
    color: _media_pb2.ColorSpec
    max_height: int
    max_width: int
    ring_size: int
    def __init__(self, max_width: _Optional[int] = ..., max_height: _Optional[int] = ..., ring_size: _Optional[int] = ..., color: _Optional[_Union[_media_pb2.ColorSpec, _Mapping]] = ...) -> None: ...

class TlsSpec(_message.Message):
    __slots__ = ["mode", "pin_sha256"]
    MODE_FIELD_NUMBER: _ClassVar[int]
    PIN_SHA256_FIELD_NUMBER: _ClassVar[int]
    mode: TlsMode
    pin_sha256: str
    def __init__(self, mode: _Optional[_Union[TlsMode, str]] = ..., pin_sha256: _Optional[str] = ...) -> None: ...

class TlsMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class DecodeMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
