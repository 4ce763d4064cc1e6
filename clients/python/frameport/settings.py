"""What can be set of a camera."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Tuple, TypedDict

from . import _enums
from ._proto.v1 import backend_pb2, camera_pb2, media_pb2, transport_pb2


class CameraSettings(TypedDict, total=False):
    """Keyword arguments of ``add_camera`` and ``update_camera``. What is left out has its
    default in a new camera, and stays as it is in a changed one."""

    username: str
    """Login for the camera; "" = none."""
    password: str
    """Its password. It is never shown again."""
    labels: Mapping[str, str]
    """Free labels for selectors; all of them, the old ones go."""
    transport: str
    """How video travels: "auto" (default), "tcp", "udp", "multicast"; "http" and "websocket": all through the
    camera's web server."""
    tls: str
    """How the certificate of an rtsps camera is judged: "verify" (default), "pin", "insecure"."""
    tls_pin_sha256: str
    """Fingerprint for "pin": 64 hexadecimal digits."""
    decode: str
    """Which pictures become frames: "all" (default), "skip_non_reference", "keyframes", "none"."""
    max_fps: float
    """Most frames per second, above 0 to 1000; 0 = no limit."""
    max_width: int
    """Larger frames are scaled down, keeping their shape, in pixels; 0 = no bound."""
    max_height: int
    """As max_width."""
    ring_size: int
    """Frames kept, 1 to 64; 0 = the default."""
    color_matrix: str
    """For cameras that say it wrongly: "bt601", "bt709", "bt2020"."""
    color_range: str
    """For cameras that say it wrongly: "limited", "full"."""
    backend: str
    """What decodes it: "auto" (default), "cuda", "cpu"."""
    device: str
    """GPU to use, by UUID or index; "" = the worker chooses."""


_FIELDS = {
    "username": "credentials.username",
    "password": "credentials.password",
    "labels": "labels",
    "transport": "transport",
    "tls": "tls.mode",
    "tls_pin_sha256": "tls.pin_sha256",
    "decode": "decode.mode",
    "max_fps": "decode.max_fps",
    "max_width": "frame.max_width",
    "max_height": "frame.max_height",
    "ring_size": "frame.ring_size",
    "color_matrix": "frame.color.matrix",
    "color_range": "frame.color.range",
    "backend": "backend",
    "device": "device",
}

_ENUMS: Mapping[str, Tuple[Any, str]] = {
    "transport": (transport_pb2.Transport, "INVALID_TRANSPORT"),
    "tls": (camera_pb2.TlsMode, "INVALID_TLS"),
    "decode": (camera_pb2.DecodeMode, "INVALID_DECODE_POLICY"),
    "color_matrix": (media_pb2.ColorMatrix, "INVALID_FRAME_SPEC"),
    "color_range": (media_pb2.ColorRange, "INVALID_FRAME_SPEC"),
    "backend": (backend_pb2.BackendKind, "INVALID_BACKEND"),
}


def to_spec(url: Optional[str], given: CameraSettings) -> Tuple[camera_pb2.CameraSpec, List[str]]:
    """Returns url and settings as a spec, and the paths of the fields that they name.

    Raises TypeError for a name that is no setting, as a call with a wrong keyword does.
    """
    spec = camera_pb2.CameraSpec()
    paths = []
    if url is not None:
        spec.url = url
        paths.append("url")
    value: Any
    for name, value in given.items():
        if name not in _FIELDS:
            raise TypeError(f"{name!r} is no setting of a camera; there are {', '.join(_FIELDS)}")
        path = _FIELDS[name]
        paths.append(path)
        if name == "labels":
            spec.labels.update(value)
            continue
        if name in _ENUMS:
            enum, reason = _ENUMS[name]
            value = _enums.value(enum, value, name, reason)
        *parents, last = path.split(".")
        target: Any = spec
        for parent in parents:
            target = getattr(target, parent)
        setattr(target, last, value)
    return spec, paths
