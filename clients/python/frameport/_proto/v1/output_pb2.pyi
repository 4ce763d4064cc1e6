from . import media_pb2 as _media_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
FIT_CONTAIN: Fit
FIT_COVER: Fit
FIT_LETTERBOX: Fit
FIT_STRETCH: Fit
FIT_UNSPECIFIED: Fit
IMAGE_FORMAT_BGR24: ImageFormat
IMAGE_FORMAT_GRAY8: ImageFormat
IMAGE_FORMAT_I420: ImageFormat
IMAGE_FORMAT_JPEG: ImageFormat
IMAGE_FORMAT_NV12: ImageFormat
IMAGE_FORMAT_RGB24: ImageFormat
IMAGE_FORMAT_UNSPECIFIED: ImageFormat

class OutputSpec(_message.Message):
    __slots__ = ["crop", "fit", "format", "height", "quality", "width"]
    CROP_FIELD_NUMBER: _ClassVar[int]
    FIT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    crop: _media_pb2.Rectangle
    fit: Fit
    format: ImageFormat
    height: int
    quality: int
    width: int
    def __init__(self, format: _Optional[_Union[ImageFormat, str]] = ..., quality: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., fit: _Optional[_Union[Fit, str]] = ..., crop: _Optional[_Union[_media_pb2.Rectangle, _Mapping]] = ...) -> None: ...

class ImageFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Fit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
