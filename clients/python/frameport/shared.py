"""Frames where the worker's decoder wrote them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Tuple, Union, cast

import numpy as np

from . import _colors, _enums, _regions, _times
from ._moment import Moment
from ._proto.v1 import media_pb2, output_pb2, share_pb2
from .cuda import CudaArray
from .errors import SharedMemoryLost, WorkerFault
from .frame import Skipped

if TYPE_CHECKING:
    from numpy.typing import NDArray

Plane = Union["NDArray[np.uint8]", CudaArray]
"""``numpy.ndarray`` of uint8, read-only, or :class:`frameport.CudaArray`."""

_U8 = np.dtype(np.uint8)


class Ring:
    """A camera's region as this process has it mapped: what its frames have in common."""

    def __init__(self, region: share_pb2.SharedRegion) -> None:
        self.name = region.name
        self.memory = _regions.open_memory(region, instead="watch()")
        self.kind = _enums.word(share_pb2.RegionKind, region.kind)
        self.format = _enums.word(output_pb2.ImageFormat, region.format)
        self.width, self.height = region.width, region.height
        self.color_matrix = _enums.word(media_pb2.ColorMatrix, region.color.matrix)
        self.color_range = _enums.word(media_pb2.ColorRange, region.color.range)
        self.generation_offset = region.generation_offset
        self._begin, self._end = region.offset, region.offset + region.byte_size
        self.planes = [(p.offset, *_shape(p.height, p.stride, i, region)) for i, p in enumerate(region.planes)]
        # numpy looks at the bounds of host memory, and nobody at those of a GPU's.
        self._slot = max([offset + _extent(*form) for offset, *form in self.planes] + [self.generation_offset + 8])
        if not self.planes or self._slot > max(region.slot_stride, 0):
            raise WorkerFault(f"the region {region.name} makes no sense: its slots of {region.slot_stride} bytes hold {self._slot}")

    def check(self, lease: share_pb2.FrameLease) -> None:
        """Raises WorkerFault for a slot that is outside of the region."""
        if lease.offset < self._begin or lease.offset + self._slot > self._end:
            raise WorkerFault(f"a frame at {lease.offset} lies outside of the region {self.name}")


def _shape(
    rows: int, stride: int, plane: int, region: share_pb2.SharedRegion
) -> Tuple[Tuple[int, ...], Tuple[int, ...]]:
    """Returns shape and strides of a plane."""
    half = (region.width + 1) // 2
    if plane == 0:
        return (rows, region.width), (stride, 1)
    if len(region.planes) == 2:
        return (rows, half, 2), (stride, 2, 1)
    return (rows, half), (stride, 1)


def _extent(shape: Tuple[int, ...], strides: Tuple[int, ...]) -> int:
    return sum((n - 1) * step for n, step in zip(shape, strides)) + 1


class SharedFrame(Moment):
    """One picture of one camera, where the decoder wrote it: nothing was copied.

    It is this program's until it is given back: by :meth:`release` or the end of a
    ``with`` block, by the loop when it goes on (see :meth:`frameport.Client.share`), or by
    the worker at :attr:`expire_time`. The worker then writes other pictures there, and
    arrays that are still around show those: :meth:`valid` tells.
    """

    def __init__(
        self, ring: Ring, lease: share_pb2.FrameLease, skipped: Skipped, give_back: Callable[[SharedFrame], None]
    ) -> None:
        self._ring = ring
        self._lease = lease
        self._skipped = skipped
        self._give_back = give_back
        self._planes: Optional[Tuple[Plane, ...]] = None

    @property
    def camera(self) -> str:
        """Name of the camera."""
        return self._lease.camera_id

    @property
    def epoch(self) -> int:
        """Rises at every reconnect, change of format and break in the camera's time, from 1."""
        return self._lease.epoch

    @property
    def sequence(self) -> int:
        """Rises by one per decoded frame within the epoch, from 1."""
        return self._lease.sequence

    @property
    def format(self) -> str:
        """"i420": planes of luma, Cb and Cr. "nv12": luma, then Cb and Cr in turn."""
        return self._ring.format

    @property
    def kind(self) -> str:
        """"shared_memory": planes are numpy arrays. "cuda_ipc": they are :class:`CudaArray`."""
        return self._ring.kind

    @property
    def width(self) -> int:
        """Width of the picture in pixels."""
        return self._ring.width

    @property
    def height(self) -> int:
        """Height of the picture in pixels."""
        return self._ring.height

    @property
    def color_matrix(self) -> str:
        """"bt601", "bt709" or "bt2020"."""
        return self._ring.color_matrix

    @property
    def color_range(self) -> str:
        """"limited" (luma 16 to 235) or "full"."""
        return self._ring.color_range

    @property
    def planes(self) -> Tuple[Plane, ...]:
        """The picture, uint8, without a copy. Chroma has half the size, rounded up:

        - "i420": luma (height, width), Cb and Cr (height / 2, width / 2) each
        - "nv12": luma (height, width), chroma (height / 2, width / 2, 2), Cb before Cr

        Rows may be further apart than they are long: see ``strides``. They refer to the
        memory, not to the frame: giving the frame back does not unmap them.
        """
        if self._planes is None:
            at, memory = self._lease.offset, self._ring.memory
            self._planes = tuple(
                memory.array(at + offset, shape, _U8, strides) for offset, shape, strides in self._ring.planes
            )
        return self._planes

    @property
    def y(self) -> Plane:
        """Luma, (height, width)."""
        return self.planes[0]

    @property
    def u(self) -> Plane:
        """Cb, (height / 2, width / 2), of both formats."""
        return self._chroma(0)

    @property
    def v(self) -> Plane:
        """Cr, (height / 2, width / 2), of both formats."""
        return self._chroma(1)

    def _chroma(self, which: int) -> Plane:
        if self.format != "nv12":
            return self.planes[1 + which]
        offset, (rows, columns, _), (stride, step, _) = self._ring.planes[1]
        at = self._lease.offset + offset + which
        return self._ring.memory.array(at, (rows, columns), _U8, (stride, step))

    def to_bgr(self) -> NDArray[np.uint8]:
        """Returns the picture as OpenCV has it: (height, width, 3), blue first, 0 to 255.

        A copy, converted with numpy by the frame's own matrix and range, within 1 of what
        :meth:`frameport.Client.latest` gives. It takes tens of milliseconds for 1080p; the
        worker does it in one or two.
        """
        y, u, v = (p if isinstance(p, np.ndarray) else p.numpy() for p in (self.y, self.u, self.v))
        return _colors.bgr(y, u, v, self.color_matrix, self.color_range)

    def valid(self) -> bool:
        """Says whether the picture is unbroken: nothing was written over it so far.

        Asked after the work on the frame, it says whether the result holds, whatever
        became of the lease. A frame that was given back is valid as long as the worker
        has no use for its place.
        """
        ring = self._ring
        try:
            return ring.memory.word(self._lease.offset + ring.generation_offset) == self._lease.generation
        except SharedMemoryLost:
            return False

    def release(self) -> None:
        """Gives the frame back, from any thread; a second time does nothing.

        Of frames on a GPU it waits until the GPU has done what this process queued so
        far, which may read the frame.
        """
        self._give_back(self)

    def __enter__(self) -> SharedFrame:
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()

    @property
    def expire_time_ns(self) -> int:
        """When the worker takes the frame back by itself, in nanoseconds since 1970, by
        the worker's clock, which is this machine's."""
        return self._lease.expire_time.ToNanoseconds()

    @property
    def expire_time(self) -> datetime:
        """The same, in UTC."""
        return _times.utc(self.expire_time_ns)

    @property
    def pts_ns(self) -> int:
        """Nanoseconds since the epoch began, by the camera's clock: exact differences."""
        return self._lease.pts.ToNanoseconds()

    @property
    def capture_time_ns(self) -> int:
        """Best known time of the exposure, in nanoseconds since 1970."""
        return self._lease.capture_time.ToNanoseconds()

    @property
    def capture_time_source(self) -> str:
        """"rtcp": the camera's clock. "arrival": the worker's, when the picture arrived."""
        return _enums.word(media_pb2.CaptureTimeSource, self._lease.capture_time_source)

    @property
    def capture_time_error(self) -> Optional[float]:
        """Bound of the capture time's error against its own clock, in seconds. None = not known."""
        return _times.seconds(self._lease, "capture_time_error")

    @property
    def received_time_ns(self) -> int:
        """When the picture's last packet reached the worker, by the worker's clock."""
        return self._lease.received_time.ToNanoseconds()

    @property
    def decoded_time_ns(self) -> int:
        """When the decoder was done, by the worker's clock."""
        return self._lease.decoded_time.ToNanoseconds()

    @property
    def sent_time_ns(self) -> int:
        """When the worker leased the frame, by the worker's clock."""
        return self._lease.sent_time.ToNanoseconds()

    @property
    def key_frame(self) -> bool:
        """True when it was decoded from a random-access unit."""
        return self._lease.key_frame

    @property
    def corrupt(self) -> bool:
        """True when parts of the picture may be damaged."""
        return self._lease.corrupt

    @property
    def skipped(self) -> Skipped:
        """What this stream did not deliver since the frame before."""
        return self._skipped

    def __repr__(self) -> str:
        return (
            f"<SharedFrame {self.camera} {self.epoch}/{self.sequence} {self.width}x{self.height} {self.format} "
            f"captured {self.capture_time.isoformat()}{' corrupt' if self.corrupt else ''}>"
        )
