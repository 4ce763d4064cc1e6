from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

BACKEND_KIND_AUTO: BackendKind
BACKEND_KIND_CPU: BackendKind
BACKEND_KIND_CUDA: BackendKind
BACKEND_KIND_UNSPECIFIED: BackendKind
DESCRIPTOR: _descriptor.FileDescriptor

class BackendKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
