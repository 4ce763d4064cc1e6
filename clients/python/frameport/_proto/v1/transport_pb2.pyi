from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor
TRANSPORT_AUTO: Transport
TRANSPORT_HTTP: Transport
TRANSPORT_MULTICAST: Transport
TRANSPORT_TCP: Transport
TRANSPORT_UDP: Transport
TRANSPORT_UNSPECIFIED: Transport
TRANSPORT_WEBSOCKET: Transport

class Transport(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
