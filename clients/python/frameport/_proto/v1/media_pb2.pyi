from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

CAPTURE_TIME_SOURCE_ARRIVAL: CaptureTimeSource
CAPTURE_TIME_SOURCE_RTCP: CaptureTimeSource
CAPTURE_TIME_SOURCE_UNSPECIFIED: CaptureTimeSource
CODEC_AV1: Codec
CODEC_H264: Codec
CODEC_H265: Codec
CODEC_MJPEG: Codec
CODEC_MPEG4: Codec
CODEC_UNSPECIFIED: Codec
CODEC_VP8: Codec
CODEC_VP9: Codec
COLOR_MATRIX_BT2020: ColorMatrix
COLOR_MATRIX_BT601: ColorMatrix
COLOR_MATRIX_BT709: ColorMatrix
COLOR_MATRIX_UNSPECIFIED: ColorMatrix
COLOR_RANGE_FULL: ColorRange
COLOR_RANGE_LIMITED: ColorRange
COLOR_RANGE_UNSPECIFIED: ColorRange
DESCRIPTOR: _descriptor.FileDescriptor

class ColorSpec(_message.Message):
    __slots__ = ["matrix", "range"]
    MATRIX_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    matrix: ColorMatrix
    range: ColorRange
    def __init__(self, matrix: _Optional[_Union[ColorMatrix, str]] = ..., range: _Optional[_Union[ColorRange, str]] = ...) -> None: ...

class Rectangle(_message.Message):
    __slots__ = ["height", "width", "x", "y"]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    height: int
    width: int
    x: int
    y: int
    def __init__(self, x: _Optional[int] = ..., y: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class Transform(_message.Message):
    __slots__ = ["offset_x", "offset_y", "scale_x", "scale_y"]
    OFFSET_X_FIELD_NUMBER: _ClassVar[int]
    OFFSET_Y_FIELD_NUMBER: _ClassVar[int]
    SCALE_X_FIELD_NUMBER: _ClassVar[int]
    SCALE_Y_FIELD_NUMBER: _ClassVar[int]
    offset_x: float
    offset_y: float
    scale_x: float
    scale_y: float
    def __init__(self, scale_x: _Optional[float] = ..., scale_y: _Optional[float] = ..., offset_x: _Optional[float] = ..., offset_y: _Optional[float] = ...) -> None: ...

class Codec(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class ColorMatrix(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class ColorRange(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class CaptureTimeSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
