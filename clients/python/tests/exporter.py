"""A process that lends GPU memory, as a worker does: python exporter.py LIBRARY BYTES

It prints the GPU's UUID and the handle, both in hex. Each line that it reads, an offset and
bytes in hex, is written there and answered.
"""

import ctypes
import sys
from ctypes import byref, c_int, c_size_t, c_uint64, c_void_p


def main():
    driver, size = ctypes.CDLL(sys.argv[1]), int(sys.argv[2])

    def call(name, *arguments):
        code = getattr(driver, name)(*arguments)
        assert code == 0, f"{name}: {code}"

    device, context, memory, stream = c_int(), c_void_p(), c_uint64(), c_void_p()
    uuid, handle = ctypes.create_string_buffer(16), ctypes.create_string_buffer(64)
    call("cuInit", 0)
    call("cuDeviceGet", byref(device), 0)
    call("cuDeviceGetUuid", uuid, device)
    call("cuDevicePrimaryCtxRetain", byref(context), device)
    call("cuCtxPushCurrent_v2", context)
    call("cuStreamCreate", byref(stream), 1)
    call("cuMemAlloc_v2", byref(memory), c_size_t(size))
    call("cuIpcGetMemHandle", handle, memory)
    print(uuid.raw.hex(), handle.raw.hex(), flush=True)
    for line in sys.stdin:
        offset, data = line.split()
        data = bytes.fromhex(data)
        call("cuMemcpyHtoDAsync_v2", c_uint64(memory.value + int(offset)), data, c_size_t(len(data)), stream)
        call("cuStreamSynchronize", stream)
        print("written", flush=True)
    call("cuMemFree_v2", memory)
    call("cuStreamDestroy_v2", stream)
    call("cuCtxPopCurrent_v2", byref(context))
    call("cuDevicePrimaryCtxRelease_v2", device)


if __name__ == "__main__":
    main()
