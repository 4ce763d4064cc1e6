"""Addresses and the settings of connections."""

from __future__ import annotations

import os
from typing import List, Optional, Tuple, Union

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
