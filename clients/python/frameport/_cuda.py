"""NVIDIA's driver, as far as memory of other processes needs it, through ctypes."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import threading
import weakref
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Tuple

from .cuda import CudaArray
from .errors import NotPossible

if TYPE_CHECKING:
    import numpy as np

    from ._proto.v1 import share_pb2

LIBRARY = "libcuda.so.1"

_HANDLE_BYTES = 64
_LAZY_ENABLE_PEER_ACCESS = 1
_NON_BLOCKING = 1

_NOT_INITIALIZED, _INVALID_CONTEXT = 3, 201

_ELSEWHERE = "inline batches and watch() work everywhere"


class _Handle(ctypes.Structure):
    """CUipcMemHandle, which is passed by value."""

    _fields_ = [("reserved", ctypes.c_ubyte * _HANDLE_BYTES)]


class _Uuid(ctypes.Structure):
    """CUuuid."""

    _fields_ = [("bytes", ctypes.c_ubyte * 16)]


_SIGNATURES: Dict[str, Tuple[Any, ...]] = {
    "cuInit": (c_uint,),
    "cuGetErrorName": (c_int, ctypes.POINTER(c_char_p)),
    "cuGetErrorString": (c_int, ctypes.POINTER(c_char_p)),
    "cuDeviceGetCount": (ctypes.POINTER(c_int),),
    "cuDeviceGet": (ctypes.POINTER(c_int), c_int),
    "cuDeviceGetUuid": (ctypes.POINTER(_Uuid), c_int),
    "cuDevicePrimaryCtxRetain": (ctypes.POINTER(c_void_p), c_int),
    "cuDevicePrimaryCtxRelease_v2": (c_int,),
    "cuCtxPushCurrent_v2": (c_void_p,),
    "cuCtxPopCurrent_v2": (ctypes.POINTER(c_void_p),),
    "cuCtxSynchronize": (),
    "cuStreamCreate": (ctypes.POINTER(c_void_p), c_uint),
    "cuStreamSynchronize": (c_void_p,),
    "cuStreamDestroy_v2": (c_void_p,),
    "cuMemcpyDtoHAsync_v2": (c_void_p, c_uint64, c_size_t, c_void_p),
    "cuIpcOpenMemHandle_v2": (ctypes.POINTER(c_uint64), _Handle, c_uint),
    "cuIpcCloseMemHandle": (c_uint64,),
}


class DriverError(NotPossible):
    """A call of the driver that failed."""

    def __init__(self, call: str, number: int, name: str, text: str) -> None:
        super().__init__(f"{call}: {name} ({number}): {text}")
        self.number = number


class Driver:
    """The loaded driver. Its calls may be made on any thread."""

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL(LIBRARY)
        except OSError as error:
            raise NotPossible(
                f"GPU memory needs NVIDIA's driver in this program's system, and it can't be loaded: {error}; "
                f"in a container, give it the GPU (--gpus). {_ELSEWHERE}"
            ) from None
        for name, arguments in _SIGNATURES.items():
            try:
                function = getattr(self._library, name)
            except AttributeError:
                raise NotPossible(f"NVIDIA's driver is too old: {LIBRARY} has no {name}. {_ELSEWHERE}") from None
            function.argtypes, function.restype = arguments, c_int
        try:
            self.call("cuInit", 0)
        except DriverError as error:
            raise NotPossible(f"{error}; nvidia-smi says more. {_ELSEWHERE}") from None

    def call(self, name: str, *arguments: Any) -> None:
        """Calls the driver. Raises DriverError."""
        number = getattr(self._library, name)(*arguments)
        if number:
            raise DriverError(name, number, self._text("cuGetErrorName", number), self._text("cuGetErrorString", number))

    def _text(self, name: str, number: int) -> str:
        text = c_char_p()
        getattr(self._library, name)(number, byref(text))
        return (text.value or b"unknown").decode(errors="replace")

    def find(self, uuid: str) -> Tuple[int, int]:
        """Returns ordinal and handle of the GPU with a UUID. Raises NotPossible."""
        count = c_int()
        self.call("cuDeviceGetCount", byref(count))
        wanted, seen = _digits(uuid), []
        for ordinal in range(count.value):
            device, found = c_int(), _Uuid()
            self.call("cuDeviceGet", byref(device), ordinal)
            self.call("cuDeviceGetUuid", byref(found), device)
            seen.append(bytes(found.bytes).hex())
            if seen[-1] == wanted:
                return ordinal, device.value
        raise NotPossible(
            f"the frames are on the GPU {uuid}, which this program does not see "
            f"({len(seen)} others); look at CUDA_VISIBLE_DEVICES, or at the GPUs of this container. {_ELSEWHERE}"
        )

    @contextlib.contextmanager
    def current(self, context: c_void_p) -> Iterator[None]:
        """Makes a context this thread's for a while."""
        self.call("cuCtxPushCurrent_v2", context)
        try:
            yield
        finally:
            self.call("cuCtxPopCurrent_v2", byref(c_void_p()))


@functools.lru_cache(maxsize=1)
def _driver_of(process: int) -> Driver:
    return Driver()


_loading = threading.Lock()


def driver() -> Driver:
    """Returns the driver of this process. Raises NotPossible."""
    with _loading:
        return _driver_of(os.getpid())


class DeviceMemory:
    """GPU memory of another process, mapped as long as something refers to this.

    The last one that goes closes it, on whatever thread that is.
    """

    def __init__(self, region: share_pb2.SharedRegion) -> None:
        handle = bytes(region.raw_handle)
        if len(handle) != _HANDLE_BYTES:
            raise NotPossible(f"the handle of the region {region.name} has {len(handle)} bytes instead of {_HANDLE_BYTES}")
        d = driver()
        self.uuid = region.device_uuid
        self.device, number = d.find(region.device_uuid)
        self._driver = d
        self._context = c_void_p()
        self._lock = threading.Lock()
        base = c_uint64()
        try:
            d.call("cuDevicePrimaryCtxRetain", byref(self._context), number)
            try:
                with d.current(self._context):
                    d.call("cuIpcOpenMemHandle_v2", byref(base), _Handle.from_buffer_copy(handle), _LAZY_ENABLE_PEER_ACCESS)
            except DriverError:
                d.call("cuDevicePrimaryCtxRelease_v2", number)
                raise
        except DriverError as error:
            raise NotPossible(f"the worker's GPU memory can't be opened: {error}{_advice(error.number)}. {_ELSEWHERE}") from None
        self.base = base.value
        self._streams: List[c_void_p] = []  # one, once something was copied
        self._closing = weakref.finalize(self, _close, d, self._context, number, base.value, self._streams)

    def array(
        self, offset: int, shape: Tuple[int, ...], dtype: np.dtype[Any], strides: Optional[Tuple[int, ...]] = None
    ) -> CudaArray:
        """Returns an array; offset is counted from the first byte."""
        return CudaArray(self, self.base + offset, shape, dtype, strides)

    def word(self, offset: int) -> int:
        """Returns the 64-bit number at offset."""
        return int.from_bytes(self.read(self.base + offset, 8), "little")

    def read(self, address: int, size: int) -> bytearray:
        """Copies memory of the GPU."""
        data = bytearray(size)
        with self._driver.current(self._context):
            # On a stream of its own: nothing else that this process does has to be waited for.
            with self._lock:
                if not self._streams:
                    stream = c_void_p()
                    self._driver.call("cuStreamCreate", byref(stream), _NON_BLOCKING)
                    self._streams.append(stream)
            stream = self._streams[0]
            target = (ctypes.c_ubyte * size).from_buffer(data)
            self._driver.call("cuMemcpyDtoHAsync_v2", target, address, size, stream)
            self._driver.call("cuStreamSynchronize", stream)
        return data

    def settle(self) -> None:
        """Waits until the GPU has done what this process queued: it may read the memory."""
        with self._driver.current(self._context):
            self._driver.call("cuCtxSynchronize")


def _close(d: Driver, context: c_void_p, device: int, base: int, streams: List[c_void_p]) -> None:
    # At the end of the process, or after a fault of the GPU, the driver may refuse: then
    # there is nothing to give back.
    with contextlib.suppress(DriverError):
        with d.current(context):
            for stream in streams:
                d.call("cuStreamDestroy_v2", stream)
            d.call("cuIpcCloseMemHandle", base)
        d.call("cuDevicePrimaryCtxRelease_v2", device)


def _advice(number: int) -> str:
    if number == _NOT_INITIALIZED:
        return "; a process that was forked after CUDA was used can't use it: start it with multiprocessing's spawn"
    if number == _INVALID_CONTEXT:
        return "; the process that made the memory can't open it"
    return (
        "; this program and the worker must be on the same machine. Containers must share the IPC and the PID name space "
        "(--ipc, --pid), and the worker must still run"
    )


def _digits(uuid: str) -> str:
    """Returns the 32 digits of "GPU-…" or "MIG-…"."""
    return uuid.partition("-")[2].replace("-", "").lower()
