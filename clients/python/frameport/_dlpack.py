"""DLPack capsules of GPU memory, made with ctypes.

The layout is that of dlpack.h before its version 1.0, which every consumer takes.
"""

from __future__ import annotations

import ctypes
from typing import Any, Dict, Sequence, Tuple

CUDA = 2
"""kDLCUDA."""

_CODES = {"u": 1, "f": 2}  # kDLUInt, kDLFloat, by numpy's kind
_NAME = b"dltensor"


class _Device(ctypes.Structure):
    _fields_ = [("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32)]


class _DataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class ManagedTensor(ctypes.Structure):
    """DLManagedTensor."""

    _fields_ = [("tensor", _Tensor), ("manager_ctx", ctypes.c_void_p), ("deleter", _Deleter)]


_lent: Dict[int, Tuple[Any, ...]] = {}
"""What is kept for consumers, by the address of their DLManagedTensor. Its deleter may be
called on any thread; operations of a dict are whole."""


def _delete(address: int) -> None:
    _lent.pop(address, None)


def _drop(capsule: int) -> None:
    """Is called when a capsule goes. A consumer has renamed it, and deletes by itself."""
    if _valid(capsule, _NAME):
        _delete(_pointer(capsule, _NAME))


# Capsules are given as addresses: one that is going must not be referred to again.
_valid = ctypes.pythonapi.PyCapsule_IsValid
_valid.argtypes, _valid.restype = (ctypes.c_void_p, ctypes.c_char_p), ctypes.c_int
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.argtypes, _pointer.restype = (ctypes.c_void_p, ctypes.c_char_p), ctypes.c_void_p
_Destructor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
_new = ctypes.pythonapi.PyCapsule_New
_new.argtypes, _new.restype = (ctypes.c_void_p, ctypes.c_char_p, _Destructor), ctypes.py_object

_deleter = _Deleter(_delete)
_destructor = _Destructor(_drop)
# They live as long as the process: tensors may go after the interpreter has emptied this
# module.
for _kept in (_deleter, _destructor):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_kept))


def capsule(
    address: int, device: int, kind: str, itemsize: int, shape: Sequence[int], strides: Sequence[int], owner: object
) -> Any:
    """Returns a capsule named "dltensor".

    Args:
        address: Of the first element.
        device: The GPU's ordinal in this process.
        kind: numpy's kind of the elements, "u" or "f".
        itemsize: Bytes of an element.
        shape: Sizes.
        strides: In bytes, multiples of itemsize.
        owner: Is referred to until the consumer is done.
    """
    managed = ManagedTensor()
    sizes = (ctypes.c_int64 * len(shape))(*shape)
    steps = (ctypes.c_int64 * len(shape))(*(s // itemsize for s in strides))
    tensor = managed.tensor
    tensor.data = address
    tensor.device = _Device(CUDA, device)
    tensor.ndim = len(shape)
    tensor.dtype = _DataType(_CODES[kind], 8 * itemsize, 1)
    tensor.shape = sizes
    tensor.strides = steps
    managed.deleter = _deleter
    at = ctypes.addressof(managed)
    _lent[at] = managed, sizes, steps, owner
    return _new(at, _NAME, _destructor)
