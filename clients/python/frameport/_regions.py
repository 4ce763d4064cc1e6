"""Memory of the worker that this process has mapped."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any, Optional, Tuple, Union

import numpy as np

from ._proto.v1 import share_pb2
from .errors import NotPossible, SharedMemoryLost

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._cuda import DeviceMemory

_WORD = np.dtype("<u8")


class HostMemory:
    """A file of shared memory. Never closed by hand: arrays refer to the mapping, and the
    last one that goes takes it along."""

    def __init__(self, region: share_pb2.SharedRegion, instead: str) -> None:
        try:
            with open(region.key, "rb") as file:
                self._map = mmap.mmap(file.fileno(), region.offset + region.byte_size, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise NotPossible(
                f"the worker's shared memory can't be read: {error}; this program must run on the worker's machine, "
                f"see its {region.key} and run as its user, and the worker must still run. {instead} works everywhere"
            ) from error

    def array(
        self, offset: int, shape: Tuple[int, ...], dtype: np.dtype[Any], strides: Optional[Tuple[int, ...]] = None
    ) -> NDArray[Any]:
        """Returns a read-only view; offset is counted from the first byte of the file."""
        return np.ndarray(shape, dtype, self._whole(), offset, strides)

    def word(self, offset: int) -> int:
        """Returns the 64-bit number at offset."""
        return int(np.ndarray((), _WORD, self._whole(), offset))

    def _whole(self) -> mmap.mmap:
        """Returns the mapping. Touching it behind the end of a file that somebody has
        shortened ends the process: better an error, as far as it is seen in time."""
        if self._map.size() < len(self._map):
            raise SharedMemoryLost("somebody has shortened the worker's file of shared memory: begin the stream again")
        return self._map

    def settle(self) -> None:
        """Returns at once: who reads host memory has read it."""


Memory = Union[HostMemory, "DeviceMemory"]


def open_memory(region: share_pb2.SharedRegion, instead: str) -> Memory:
    """Maps a region. Raises NotPossible, whose text recommends what to do instead."""
    if region.kind == share_pb2.REGION_KIND_CUDA_IPC:
        from ._cuda import DeviceMemory

        return DeviceMemory(region)
    return HostMemory(region, instead)
