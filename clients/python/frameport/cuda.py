"""Arrays in GPU memory that belongs to the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

import numpy as np

from . import _dlpack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._cuda import DeviceMemory


class CudaArray:
    """An array in GPU memory of the worker, seen from this process without a copy.

    ``torch.from_dlpack(a)``, ``torch.as_tensor(a, device="cuda")`` and ``cupy.asarray(a)``
    take it as it is; the memory stays mapped as long as any of them refers to it. Nothing
    has to be waited for: it is complete. It is the worker's, and not to be written to.
    Which GPU that is says :attr:`device`.
    """

    __slots__ = ("_memory", "address", "dtype", "shape", "strides")

    def __init__(
        self,
        memory: DeviceMemory,
        address: int,
        shape: Tuple[int, ...],
        dtype: np.dtype[Any],
        strides: Optional[Tuple[int, ...]] = None,
    ) -> None:
        self._memory = memory
        self.address = address
        """Of the first element on the GPU."""
        self.shape = shape
        """Sizes, as numpy has them."""
        self.dtype = dtype
        """numpy's type of the elements."""
        self.strides = strides or _contiguous(shape, dtype.itemsize)
        """Bytes from one element to the next, by dimension, as numpy has them."""

    @property
    def device(self) -> int:
        """Ordinal of the GPU in this process, what torch and cupy count by: "cuda:0" is 0."""
        return self._memory.device

    @property
    def device_uuid(self) -> str:
        """UUID of the GPU: "GPU-…"."""
        return self._memory.uuid

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        size = self.dtype.itemsize
        for n in self.shape:
            size *= n
        return size

    @property
    def __cuda_array_interface__(self) -> Dict[str, Any]:
        """Version 3 of the CUDA Array Interface, as Numba defines it."""
        plain = self.strides == _contiguous(self.shape, self.dtype.itemsize)
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            # The flag says that it may be written to, which is not so: torch refuses
            # arrays that say the truth.
            "data": (self.address, False),
            "strides": None if plain else self.strides,
            "stream": None,
            "version": 3,
        }

    def __dlpack_device__(self) -> Tuple[int, int]:
        """Returns DLPack's (device type, device number): (2, ordinal), 2 being CUDA."""
        return _dlpack.CUDA, self.device

    def __dlpack__(
        self,
        *,
        stream: Optional[Any] = None,
        max_version: Optional[Tuple[int, int]] = None,
        dl_device: Optional[Tuple[int, int]] = None,
        copy: Optional[bool] = None,
    ) -> Any:
        """Returns a DLPack capsule. It is of the version before 1.0, whatever ``max_version``
        is, and for every ``stream``.

        Raises:
            BufferError: A copy, or another device, is asked for.
        """
        if copy:
            raise BufferError("the array is shared and not copied: use .numpy(), or copy what you made of it")
        if dl_device is not None and tuple(map(int, dl_device)) != self.__dlpack_device__():
            raise BufferError(f"the array is on device {self.__dlpack_device__()}, not on {tuple(dl_device)}")
        return _dlpack.capsule(
            self.address, self.device, self.dtype.kind, self.dtype.itemsize, self.shape, self.strides, self._memory
        )

    def numpy(self) -> NDArray[Any]:
        """Returns a copy in this program's memory."""
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)
        span = sum((n - 1) * step for n, step in zip(self.shape, self.strides)) + self.dtype.itemsize
        data = self._memory.read(self.address, span)
        view: NDArray[Any] = np.ndarray(self.shape, self.dtype, data, 0, self.strides)
        return view if view.flags.c_contiguous else view.copy()

    def __repr__(self) -> str:
        return f"<CudaArray {self.dtype} {self.shape} on cuda:{self.device}>"


def _contiguous(shape: Tuple[int, ...], itemsize: int) -> Tuple[int, ...]:
    strides = []
    for n in reversed(shape):
        strides.append(itemsize)
        itemsize *= n
    return tuple(reversed(strides))
