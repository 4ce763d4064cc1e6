"""Frameport's client: the newest frames of RTSP cameras as numpy arrays.

>>> import frameport
>>> with frameport.Client("127.0.0.1:50051") as client:
...     frame = client.latest("street", wait=5)
...     frame.image.shape
(720, 1280, 3)

:class:`Client` blocks; :mod:`frameport.aio` has the same for asyncio.
"""

from ._stream import BatchStream, FrameStream, ShareStream, Stream
from ._version import __version__ as __version__
from .batches import Batch, BatchEntry
from .camera import Camera, CameraEvent, Fault
from .client import Client
from .clock import Clock
from .cuda import CudaArray
from .errors import (
    CallTimeout,
    CameraExists,
    CameraNotFound,
    CameraRemoved,
    ClientClosed,
    ConnectionFailed,
    DecodeDisabled,
    FieldViolation,
    FrameportError,
    FrameTooLarge,
    InvalidRequest,
    LimitReached,
    NoFrame,
    NoFrameYet,
    NotAllowed,
    NotImplementedByWorker,
    NotPossible,
    SharedMemoryLost,
    ShuttingDown,
    SlowConsumer,
    WaitExpired,
    WorkerFault,
)
from .frame import Frame, Skipped, Transform
from .settings import CameraSettings
from .shared import SharedFrame
from .worker import Device, Worker

__all__ = [
    "Batch",
    "BatchEntry",
    "BatchStream",
    "CallTimeout",
    "Camera",
    "CameraEvent",
    "CameraExists",
    "CameraNotFound",
    "CameraRemoved",
    "CameraSettings",
    "Client",
    "ClientClosed",
    "Clock",
    "ConnectionFailed",
    "CudaArray",
    "DecodeDisabled",
    "Device",
    "Fault",
    "FieldViolation",
    "Frame",
    "FrameStream",
    "FrameTooLarge",
    "FrameportError",
    "InvalidRequest",
    "LimitReached",
    "NoFrame",
    "NoFrameYet",
    "NotAllowed",
    "NotImplementedByWorker",
    "NotPossible",
    "ShareStream",
    "SharedFrame",
    "SharedMemoryLost",
    "ShuttingDown",
    "Skipped",
    "SlowConsumer",
    "Stream",
    "Transform",
    "WaitExpired",
    "Worker",
    "WorkerFault",
]
