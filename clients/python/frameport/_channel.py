"""Addresses and the settings of connections."""

from __future__ import annotations

import functools
import ipaddress
import os
from typing import Any, List, Optional, Tuple, Union

import grpc

DEFAULT_ADDRESS = "127.0.0.1:50051"
DEFAULT_TIMEOUT = 10.0
DEFAULT_MAX_MESSAGE_BYTES = 64 << 20
"""What a worker sends at most."""

Options = List[Tuple[str, Union[str, int]]]


def resolve(address: Optional[str]) -> str:
    """Returns the address to use: the given one, FRAMEPORT_ADDRESS, or the worker's default.

    Raises ValueError for one that is neither "host:port" nor "unix:/path".
    """
    address = address or os.environ.get("FRAMEPORT_ADDRESS") or DEFAULT_ADDRESS
    if address.startswith("unix:"):
        if len(address) == len("unix:"):
            raise ValueError(f'the address {address!r} names no socket: give "unix:/run/frameport.sock"')
        return address
    host, _, port = address.rpartition(":")
    if not host or "/" in address or not port.isdecimal():
        raise ValueError(f'the address {address!r} is not understood: give "host:port" or "unix:/path"')
    return address


def options(max_message_bytes: int) -> Options:
    """Returns gRPC's options for a channel."""
    if max_message_bytes < 1:
        raise ValueError(f"max_message_bytes is {max_message_bytes}: give 1 or more")
    return [
        ("grpc.max_receive_message_length", max_message_bytes),
        # A worker is a machine of the same network: http_proxy is not for it.
        ("grpc.enable_http_proxy", 0),
        # A stream may rest for hours. Without pings, a worker that lost power would
        # look like a camera without frames. The worker takes a ping every 10 s.
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.max_pings_without_data", 0),
    ]


def credentials(
    address: str, tls_ca: Optional[str], tls_client: Optional[Tuple[str, str]]
) -> Optional[grpc.ChannelCredentials]:
    """Returns what a connection over TLS needs, None for one in plain text.

    Raises OSError when a file can't be read, and ValueError for a certificate without
    authorities.
    """
    tls_ca = tls_ca or os.environ.get("FRAMEPORT_TLS_CA")
    if not tls_ca:
        if tls_client is not None:
            raise ValueError('tls_client is of no use without TLS: give tls_ca, a file or "system"')
        return None
    roots = None if tls_ca == "system" else _read(tls_ca)
    certificate, key = (_read(tls_client[0]), _read(tls_client[1])) if tls_client else (None, None)
    return grpc.ssl_channel_credentials(roots, key, certificate)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


class Stub:
    """A service's calls, each with the token."""

    def __init__(self, stub: Any, address: str, encrypted: bool, token: Optional[str]) -> None:
        token = (token or os.environ.get("FRAMEPORT_TOKEN") or "").strip()  # a file has a newline behind it
        if token and not encrypted and not _stays(address):
            raise ValueError(f"the connection to {address} is not encrypted, and others could read the token: give tls_ca")
        self._stub = stub
        self._metadata = (("authorization", f"Bearer {token}"),) if token else None

    def __getattr__(self, name: str) -> Any:
        return functools.partial(getattr(self._stub, name), metadata=self._metadata)


def _stays(address: str) -> bool:
    """Says whether what is sent there stays on this machine."""
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
