"""The worker as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Dict, Optional, Tuple

from . import _enums, _times
from ._proto.v1 import backend_pb2, worker_pb2


@dataclass(frozen=True)
class Device:
    """A GPU of the worker."""

    uuid: str
    """As the driver gives it: "GPU-…"."""
    index: int
    """As the worker sees it, from 0."""
    name: str
    """Product name."""
    memory_total_bytes: int
    """Memory of the GPU."""
    memory_free_bytes: int
    """Memory that nobody uses."""
    cameras: int
    """Cameras that are decoded on it."""


@dataclass(frozen=True)
class Worker:
    """The worker as it was when it answered."""

    version: str
    """Version of the program."""
    instance_id: str
    """Another text at every start: when it changes, epochs and sequence numbers start again."""
    start_time: Optional[datetime]
    """When it started, in UTC by its clock."""
    uptime: float
    """Seconds since then."""
    backend: str
    """What decodes cameras that ask for nothing else: "cuda" or "cpu"."""
    backend_reason: str
    """Why, for people."""
    devices: Tuple[Device, ...]
    """GPUs in use or usable."""
    cameras: Dict[str, int]
    """Number of cameras by state ("running", "failed", …), and "total"."""
    message: worker_pb2.Worker = field(repr=False, compare=False)
    """Everything: the message ``frameport.v1.Worker``, with limits and the memory ledger."""


def from_message(m: worker_pb2.Worker) -> Worker:
    """Makes a worker of the message."""
    return Worker(
        version=m.version,
        instance_id=m.instance_id,
        start_time=_times.moment(m, "start_time"),
        uptime=(m.snapshot_time.ToNanoseconds() - m.start_time.ToNanoseconds()) / 1e9,
        backend=_enums.word(backend_pb2.BackendKind, m.backend.kind),
        backend_reason=m.backend.reason,
        devices=tuple(
            Device(
                uuid=d.uuid,
                index=d.index,
                name=d.name,
                memory_total_bytes=d.memory_total_bytes,
                memory_free_bytes=d.memory_free_bytes,
                cameras=d.cameras,
            )
            for d in m.devices
        ),
        cameras={d.name: getattr(m.cameras, d.name) for d in m.cameras.DESCRIPTOR.fields},
        message=m,
    )
