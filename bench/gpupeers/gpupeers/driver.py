"""NVIDIA's driver through ctypes: as much as measuring memory needs.

It works without torch, and it creates nothing but the primary context, which
is the one that torch and PyNvVideoCodec are made to share.
"""

from __future__ import annotations

import ctypes
from typing import Any, Optional

MIB = 1 << 20


class DriverError(RuntimeError):
    """The driver is missing, or refused a call."""


def load(name: str) -> Any:
    """Opens a shared object by the loader's rules, LD_LIBRARY_PATH first."""
    try:
        return ctypes.CDLL(name)
    except OSError as err:
        raise DriverError(f"{name}: {err}") from err


class Cuda:
    """The first device's driver API and, once retained, its primary context."""

    def __init__(self, library: Any = None) -> None:
        self._lib = library if library is not None else load("libcuda.so.1")
        self._context = ctypes.c_void_p()
        self._device = ctypes.c_int()
        self._call("cuInit", ctypes.c_uint(0))
        self._call("cuDeviceGet", ctypes.byref(self._device), ctypes.c_int(0))

    def _call(self, name: str, *args: Any) -> None:
        code = getattr(self._lib, name)(*args)
        if code != 0:
            raise DriverError(f"{name} returned CUDA error {code}")

    def version(self) -> int:
        """The newest CUDA version that the driver serves: 13000 is 13.0."""
        value = ctypes.c_int()
        self._call("cuDriverGetVersion", ctypes.byref(value))
        return value.value

    def retain(self) -> int:
        """Makes the primary context current on this thread; returns its handle."""
        if not self._context.value:
            self._call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), self._device)
        self._call("cuCtxSetCurrent", self._context)
        return int(self._context.value or 0)

    def release(self) -> None:
        if self._context.value:
            self._call("cuCtxSetCurrent", ctypes.c_void_p())
            self._call("cuDevicePrimaryCtxRelease_v2", self._device)
            self._context = ctypes.c_void_p()

    def used(self) -> int:
        """Bytes of the card in use by everybody. A context must be current."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return total.value - free.value

    def wait(self) -> None:
        self._call("cuCtxSynchronize")

    def upload(self, data: bytes) -> int:
        """Copies data into plain device memory, which lives as long as the context."""
        address = ctypes.c_uint64()
        self._call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(len(data)))
        self._call("cuMemcpyHtoD_v2", address, data, ctypes.c_size_t(len(data)))
        return address.value


class _Memory(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


class Nvml:
    """Reads the first device's memory without a context, so before there is one."""

    def __init__(self, library: Any = None) -> None:
        self._lib = library if library is not None else load("libnvidia-ml.so.1")
        self._device = ctypes.c_void_p()
        self._call("nvmlInit_v2")
        self._call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(0), ctypes.byref(self._device))

    def _call(self, name: str, *args: Any) -> None:
        code = getattr(self._lib, name)(*args)
        if code != 0:
            raise DriverError(f"{name} returned NVML error {code}")

    def used(self) -> int:
        """Bytes of the card in use by everybody."""
        memory = _Memory()
        self._call("nvmlDeviceGetMemoryInfo", self._device, ctypes.byref(memory))
        return int(memory.used)

    def text(self, name: str, *before: Any) -> str:
        """What a call that fills a buffer of text says."""
        buffer = ctypes.create_string_buffer(96)
        self._call(name, *before, buffer, ctypes.c_uint(len(buffer)))
        return buffer.value.decode(errors="replace")

    def device_name(self) -> str:
        return self.text("nvmlDeviceGetName", self._device)

    def driver_version(self) -> str:
        return self.text("nvmlSystemGetDriverVersion")


class Gauge:
    """Reads the card's memory in every way there is."""

    def __init__(self, cuda: Cuda, nvml: Optional[Nvml]) -> None:
        self._cuda = cuda
        self._nvml = nvml

    def read(self, context: bool = True) -> dict[str, Optional[float]]:
        """MiB in use, by NVML and (with a current context) by cuMemGetInfo."""
        if context:
            self._cuda.wait()
        return {
            "nvml_mib": round(self._nvml.used() / MIB, 2) if self._nvml else None,
            "cuda_mib": round(self._cuda.used() / MIB, 2) if context else None,
        }


def gauge(cuda: Cuda) -> Gauge:
    """A gauge that does without NVML where that is missing."""
    try:
        return Gauge(cuda, Nvml())
    except DriverError:
        return Gauge(cuda, None)
