"""Cameras, how they are, and what happens to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Dict, Optional

from . import _enums, _times
from ._proto.v1 import backend_pb2, camera_pb2, camera_service_pb2, camera_status_pb2, media_pb2


@dataclass(frozen=True)
class Fault:
    """What is wrong with a camera."""

    kind: str
    """"auth", "not_found", "unreachable", "protocol", "unsupported", "busy", "stalled",
    "decode", "limit" or "policy"."""
    message: str
    """What happened and what to do, for people."""
    count: int
    """How often it happened since the camera last ran well."""
    next_attempt_time: Optional[datetime]
    """When the worker tries again, in UTC. None = not needed, or not before the settings change."""


@dataclass(frozen=True)
class Camera:
    """A camera as it was when the worker answered."""

    name: str
    """Chosen by whoever added it."""
    url: str
    """Address of its stream, without credentials."""
    labels: Dict[str, str]
    """Free labels."""
    state: str
    """"connecting", "running", "degraded", "stalled", "failed" or "stopped"."""
    fault: Optional[Fault]
    """What is wrong now. None while all is well."""
    codec: str
    """"h264", "h265", "mjpeg", …; empty = not known yet."""
    width: int
    """Width of its frames in pixels; 0 = not known yet."""
    height: int
    """Height of its frames in pixels; 0 = not known yet."""
    received_fps: float
    """Pictures received per second, over the last few seconds."""
    decoded_fps: float
    """Frames made per second, over the last few seconds."""
    epoch: int
    """Epoch of the newest frame; 0 = not connected yet."""
    sequence: int
    """Sequence number of the newest frame in its epoch; 0 = none yet."""
    last_frame_time: Optional[datetime]
    """When the newest frame arrived, in UTC by the worker's clock. None = none yet."""
    backend: str
    """What decodes it: "cuda" or "cpu"; empty = nothing yet."""
    message: camera_pb2.Camera = field(repr=False, compare=False)
    """Everything: the message ``frameport.v1.Camera``, with counters, clock, memory and settings."""


@dataclass(frozen=True)
class CameraEvent:
    """Something that happened to a camera."""

    type: str
    """"current": the camera as it is when the watch begins. "synced": those were all, no
    camera. "added", "spec_changed", "status_changed", "removed": from then on."""
    cause: str
    """Why, for people. Empty when the type says it all."""
    camera: Optional[Camera]
    """The camera after the change. None with "synced"."""
    merged: int
    """Earlier changes of this camera that the event stands for, because this program was slow."""
    time: Optional[datetime]
    """When the change happened, in UTC by the worker's clock."""


def from_message(m: camera_pb2.Camera) -> Camera:
    """Makes a camera of the message."""
    status = m.status
    return Camera(
        name=m.camera_id,
        url=m.spec.url,
        labels=dict(m.spec.labels),
        state=_enums.word(camera_status_pb2.CameraState, status.state),
        fault=_fault(status.fault) if status.HasField("fault") else None,
        codec=_enums.word(media_pb2.Codec, status.codec),
        width=status.width,
        height=status.height,
        received_fps=status.received_fps,
        decoded_fps=status.decoded_fps,
        epoch=status.epoch,
        sequence=status.sequence,
        last_frame_time=_times.moment(status, "last_frame_time"),
        backend=_enums.word(backend_pb2.BackendKind, status.backend),
        message=m,
    )


def _fault(m: camera_status_pb2.Fault) -> Fault:
    kind: int = getattr(m, "class")  # a keyword of Python
    return Fault(
        kind=_enums.word(camera_status_pb2.FaultClass, kind),
        message=m.message,
        count=m.count,
        next_attempt_time=_times.moment(m, "next_attempt_time"),
    )


def event(m: camera_service_pb2.WatchCamerasResponse) -> CameraEvent:
    """Makes an event of the message."""
    return CameraEvent(
        type=_enums.word(camera_service_pb2.CameraEventType, m.type),
        cause=m.cause,
        camera=from_message(m.camera) if m.HasField("camera") else None,
        merged=m.merged,
        time=_times.moment(m, "time"),
    )
