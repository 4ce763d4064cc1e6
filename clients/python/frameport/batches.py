"""Micro-batches: tensors of many cameras' newest frames, for models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from . import _channel, _enums, _times
from ._moment import Moment
from ._proto.v1 import media_pb2, output_pb2, tensor_pb2
from .frame import Skipped, Transform, skipped, transform

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from ._regions import Memory

PerChannel = Union[float, Sequence[float], None]
"""One value for all three channels, or three in the order of the channels."""

Box = Tuple[float, float, float, float]
"""(left, top, right, bottom) in pixels."""

_DTYPES: Mapping[int, np.dtype[Any]] = {
    tensor_pb2.TENSOR_DTYPE_UINT8: np.dtype("u1"),
    tensor_pb2.TENSOR_DTYPE_FLOAT16: np.dtype("<f2"),
    tensor_pb2.TENSOR_DTYPE_FLOAT32: np.dtype("<f4"),
}

_DEFAULT_SIZE = 8
_ENTRY_BYTES = 512  # what the worker allows for an entry beside its part of the tensor


@dataclass(frozen=True, eq=False, repr=False)
class BatchEntry(Moment):
    """One frame of a batch: what :class:`frameport.Frame` says of a frame, but the picture."""

    camera: str
    """Name of the camera."""
    epoch: int
    """Rises at every reconnect, change of format and break in the camera's time, from 1."""
    sequence: int
    """Rises by one per decoded frame within the epoch, from 1."""
    source_width: int
    """Width of the camera's frame in pixels."""
    source_height: int
    """Height of the camera's frame in pixels."""
    transform: Transform
    """From columns and rows of the tensor to pixels of the camera's frame."""
    pts_ns: int
    """Nanoseconds since the epoch began, by the camera's clock: exact differences."""
    capture_time_ns: int
    """Best known time of the exposure, in nanoseconds since 1970."""
    capture_time_source: str
    """"rtcp": the camera's clock. "arrival": the worker's, when the picture arrived."""
    capture_time_error: Optional[float]
    """Bound of the capture time's error against its own clock, in seconds. None = not known."""
    received_time_ns: int
    """When the picture's last packet reached the worker, by the worker's clock."""
    decoded_time_ns: int
    """When the decoder was done, by the worker's clock."""
    sent_time_ns: int
    """When the worker sent the batch, by the worker's clock."""
    key_frame: bool
    """True when it was decoded from a random-access unit."""
    corrupt: bool
    """True when parts of the picture may be damaged."""
    skipped: Skipped
    """What this stream did not deliver of this camera since its entry before."""

    def to_source(self, x: float, y: float) -> Tuple[float, float]:
        """Returns where a position in the tensor's picture is in the camera's frame, in pixels.

        Coordinates are continuous, 0 is the left or top edge of the first pixel. In a
        letterbox's border it is outside of the frame.
        """
        return self.transform.to_source(x, y)

    def box_to_source(self, box: Sequence[float]) -> Box:
        """Returns a box of the tensor's picture in pixels of the camera's frame, cut off at its edges.

        Args:
            box: (left, top, right, bottom) in columns and rows of the tensor.
        """
        left, top, right, bottom = box
        (left, top), (right, bottom) = self.to_source(left, top), self.to_source(right, bottom)
        return (
            min(max(left, 0.0), self.source_width),
            min(max(top, 0.0), self.source_height),
            min(max(right, 0.0), self.source_width),
            min(max(bottom, 0.0), self.source_height),
        )

    def __repr__(self) -> str:
        return (
            f"<BatchEntry {self.camera} {self.epoch}/{self.sequence} of {self.source_width}x{self.source_height} "
            f"captured {self.capture_time.isoformat()}{' corrupt' if self.corrupt else ''}>"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Batch:
    """The newest frames of cameras as one tensor. ``len()`` is the number of frames."""

    number: int
    """Rises by one per batch of the stream, from 1."""
    entries: Tuple[BatchEntry, ...]
    """The frames, at most one per camera: ``tensor[i]`` belongs to ``entries[i]``."""
    tensor: Any
    """Shape (N, 3, height, width) for "nchw", (N, height, width, 3) for "nhwc"; N is
    the number of entries. A contiguous ``numpy.ndarray``: a view of the received message,
    or of shared memory, made without a copy and read-only; ``tensor.copy()`` can be
    written to. With delivery "cuda_ipc" a :class:`frameport.CudaArray`."""
    layout: str
    """"nchw" or "nhwc"."""
    sent_time_ns: int
    """When the worker sent the batch, by the worker's clock, in nanoseconds since 1970."""
    expire_time_ns: Optional[int] = None
    """Until when the tensor is what it is, by the worker's clock, which is this machine's:
    with delivery "shared_memory" or "cuda_ipc" the next batch may take its place then, or as soon as the
    next one is asked for. None = for ever."""

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        cameras = ", ".join(e.camera for e in self.entries)
        return f"<Batch {self.number} {self.tensor.dtype} {self.tensor.shape} of {cameras}>"


def spec(
    width: int,
    height: int,
    dtype: DTypeLike,
    layout: str,
    fit: str,
    channel_order: str,
    scale: Optional[float],
    mean: PerChannel,
    std: PerChannel,
    pad_value: Optional[float],
) -> tensor_pb2.TensorSpec:
    """Makes the wanted form of a tensor."""
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = str(dtype)
    wrong = "INVALID_TENSOR"
    made = tensor_pb2.TensorSpec(
        dtype=_enums.value(tensor_pb2.TensorDtype, name, "dtype", wrong),
        layout=_enums.value(tensor_pb2.TensorLayout, layout, "layout", wrong),
        width=width,
        height=height,
        fit=_enums.value(output_pb2.Fit, fit, "fit", wrong, besides=("contain",)),
        channel_order=_enums.value(tensor_pb2.ChannelOrder, channel_order, "channel_order", wrong),
        mean=_per_channel(mean),
        std=_per_channel(std),
    )
    if scale is not None:
        made.scale = scale
    if pad_value is not None:
        made.pad_value = pad_value
    return made


def _per_channel(values: PerChannel) -> Sequence[float]:
    if values is None:
        return ()
    return [values] if isinstance(values, (int, float)) else list(values)


def default_size(tensor: tensor_pb2.TensorSpec, max_message_bytes: int) -> int:
    """Returns 8, or fewer when 8 such tensors don't fit into a message that the client
    takes and a worker sends. When not even one does, the worker says so."""
    each = 3 * tensor.width * tensor.height * _DTYPES[tensor.dtype].itemsize + _ENTRY_BYTES
    limit = min(max_message_bytes, _channel.DEFAULT_MAX_MESSAGE_BYTES)
    return max(1, min(_DEFAULT_SIZE, limit // max(each, 1)))


def from_message(m: tensor_pb2.Batch, memory: Optional[Memory] = None) -> Batch:
    """Makes a batch of the message; memory is the stream's, when it is shared."""
    sent = m.sent_time.ToNanoseconds()
    tensor: Any
    if memory is None:
        # m.data once: every access makes a copy.
        tensor = np.ndarray(tuple(m.shape), _DTYPES[m.dtype], m.data)
    else:
        tensor = memory.array(m.shared.offset, tuple(m.shape), _DTYPES[m.dtype])
    return Batch(
        number=m.batch_number,
        entries=tuple(_entry(e, sent) for e in m.entries),
        tensor=tensor,
        layout=_enums.word(tensor_pb2.TensorLayout, m.layout),
        sent_time_ns=sent,
        expire_time_ns=None if memory is None else m.shared.expire_time.ToNanoseconds(),
    )


def _entry(m: tensor_pb2.BatchEntry, sent: int) -> BatchEntry:
    return BatchEntry(
        camera=m.camera_id,
        epoch=m.epoch,
        sequence=m.sequence,
        source_width=m.source_width,
        source_height=m.source_height,
        transform=transform(m.transform),
        pts_ns=m.pts.ToNanoseconds(),
        capture_time_ns=m.capture_time.ToNanoseconds(),
        capture_time_source=_enums.word(media_pb2.CaptureTimeSource, m.capture_time_source),
        capture_time_error=_times.seconds(m, "capture_time_error"),
        received_time_ns=m.received_time.ToNanoseconds(),
        decoded_time_ns=m.decoded_time.ToNanoseconds(),
        sent_time_ns=sent,
        key_frame=m.key_frame,
        corrupt=m.corrupt,
        skipped=skipped(m.skipped),
    )
