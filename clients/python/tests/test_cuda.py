"""Memory of a GPU that another process lends, on the simulated driver."""

import contextlib
import ctypes
import gc
import os
import subprocess
import sys
import threading
import unittest
from unittest import mock

import harness
import numpy as np
import shares
from harness import until

import frameport
from frameport import Client, _cuda, _dlpack
from frameport._proto.v1 import frame_service_pb2, share_pb2, tensor_pb2
from frameport._shared import Reader

MEMORY = 2 << 20


class Lender:
    """The process that lends."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__), "exporter.py"), harness.CUDA, str(MEMORY)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="ascii",
        )
        uuid, handle = self.process.stdout.readline().split()
        self.handle = bytes.fromhex(handle)
        self.uuid = "GPU-" + "-".join((uuid[:8], uuid[8:12], uuid[12:16], uuid[16:20], uuid[20:]))

    def write(self, offset, data):
        self.process.stdin.write(f"{offset} {data.hex()}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "written\n"

    def stop(self):
        self.process.communicate(timeout=harness.PATIENCE)
        return self.process.returncode


class GpuRing(shares.Ring):
    """A ring in GPU memory."""

    def __init__(self, lender, **more):
        self.lender = lender
        super().__init__(format="NV12", **more)
        self.file.close()
        self.message.kind, self.message.key = share_pb2.REGION_KIND_CUDA_IPC, ""
        self.message.raw_handle, self.message.device_uuid = lender.handle, lender.uuid

    def _put(self, at, data):
        self.lender.write(at, data)


class WithLender(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        assert os.path.exists(harness.CUDA), "the simulated driver is missing: make gpusim"
        cls.lender = Lender()
        cls.sim = ctypes.CDLL(harness.CUDA)
        cls.sim.fp_gpusim_calls.restype = ctypes.c_int64
        cls.sim.fp_gpusim_live.restype = ctypes.c_int64

    @classmethod
    def tearDownClass(cls):
        assert cls.lender.stop() == 0, "the lender broke a rule"

    def setUp(self):
        patch = mock.patch.object(_cuda, "LIBRARY", harness.CUDA)
        patch.start()
        self.addCleanup(patch.stop)
        _cuda._driver_of.cache_clear()
        self.addCleanup(_cuda._driver_of.cache_clear)
        self.addCleanup(self.nothing_is_left)

    def nothing_is_left(self):
        gc.collect()
        for kind in ("import", "stream", "context", "push"):
            self.assertEqual(self.live(kind), 0, kind)
        text = ctypes.create_string_buffer(4096)
        self.assertEqual(self.sim.fp_gpusim_take_violations(text, len(text)), 0, text.value)

    def live(self, kind):
        return self.sim.fp_gpusim_live(kind.encode())

    def calls(self, name):
        return self.sim.fp_gpusim_calls(name.encode())

    def region(self, **more):
        return share_pb2.SharedRegion(**{
            "name": "r", "kind": share_pb2.REGION_KIND_CUDA_IPC, "raw_handle": self.lender.handle,
            "device_uuid": self.lender.uuid, "byte_size": MEMORY, **more,
        })


class Arrays(WithLender):
    def array(self, values, offset=512, strides=None):
        self.lender.write(offset, values.tobytes())
        return _cuda.DeviceMemory(self.region()).array(offset, values.shape, values.dtype, strides)

    def test_the_interface(self):
        values = np.arange(24, dtype="<f4").reshape(2, 3, 4)
        array = self.array(values)
        described = array.__cuda_array_interface__
        self.assertEqual(described, {
            "shape": (2, 3, 4), "typestr": "<f4", "data": (array.address, False), "strides": None, "stream": None,
            "version": 3,
        })
        # The simulator's GPU memory can be read by address.
        self.assertEqual(ctypes.string_at(described["data"][0], values.nbytes), values.tobytes())
        np.testing.assert_array_equal(array.numpy(), values)
        self.assertTrue(array.numpy().flags.writeable)
        self.assertEqual((array.device, array.device_uuid, array.ndim, array.nbytes), (0, self.lender.uuid, 3, 96))
        self.assertEqual((array.strides, repr(array)), ((48, 16, 4), "<CudaArray float32 (2, 3, 4) on cuda:0>"))

    def test_rows_that_are_apart(self):
        values = np.arange(60, dtype="u1").reshape(6, 10)
        self.lender.write(0, values.tobytes())
        memory = _cuda.DeviceMemory(self.region())
        array = memory.array(1, (3, 4), np.dtype("u1"), (20, 2))
        self.assertEqual(array.__cuda_array_interface__["strides"], (20, 2))
        np.testing.assert_array_equal(array.numpy(), values[::2, 1:9:2])
        self.assertTrue(array.numpy().flags.c_contiguous)
        self.assertEqual(memory.array(0, (0, 4), np.dtype("u1")).numpy().shape, (0, 4))
        tensor = self.consume(array.__dlpack__()).tensor
        self.assertEqual((tensor.shape[:2], tensor.strides[:2], tensor.data), ([3, 4], [20, 2], array.address))

    def consume(self, capsule):
        """Takes a capsule as torch does; returns the DLManagedTensor, which is now ours to delete."""
        api = ctypes.pythonapi
        address = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", api))(
            capsule, b"dltensor"
        )
        ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_SetName", api))(
            capsule, b"used_dltensor"
        )
        managed = _dlpack.ManagedTensor.from_address(address)
        self.addCleanup(lambda: _dlpack._delete(address))
        return managed

    def test_dlpack(self):
        for dtype, code in (("u1", 1), ("<f2", 2), ("<f4", 2)):
            values = np.arange(24).reshape(2, 3, 4).astype(dtype)
            array = self.array(values)
            self.assertEqual(array.__dlpack_device__(), (2, 0))
            managed = self.consume(array.__dlpack__(stream=1, max_version=(1, 0), dl_device=(2, 0), copy=False))
            t = managed.tensor
            self.assertEqual((t.data, t.byte_offset, t.ndim), (array.address, 0, 3))
            self.assertEqual((t.device.device_type, t.device.device_id), (2, 0))
            self.assertEqual((t.dtype.code, t.dtype.bits, t.dtype.lanes), (code, values.itemsize * 8, 1))
            self.assertEqual((t.shape[:3], t.strides[:3]), ([2, 3, 4], [12, 4, 1]))
            self.assertEqual(ctypes.string_at(t.data, values.nbytes), values.tobytes())
            managed.deleter(ctypes.addressof(managed))
        for wrong in ({"copy": True}, {"dl_device": (1, 0)}, {"dl_device": (2, 1)}):
            with self.assertRaises(BufferError):
                array.__dlpack__(**wrong)

    def test_a_consumer_keeps_the_mapping_as_long_as_it_wants(self):
        array = self.array(np.arange(4, dtype="u1"))
        managed = self.consume(array.__dlpack__())
        address = ctypes.addressof(managed)
        del array
        gc.collect()
        self.assertEqual(self.live("import"), 1)
        self.assertEqual(ctypes.string_at(managed.tensor.data, 4), bytes(range(4)))
        deleter = managed.deleter
        thread = threading.Thread(target=lambda: deleter(address))  # wherever the last tensor goes
        thread.start()
        thread.join()
        self.assertEqual(self.live("import"), 0)

    def test_a_capsule_that_nobody_takes(self):
        array = self.array(np.arange(4, dtype="u1"))
        capsule = array.__dlpack__()
        del array
        self.assertEqual(self.live("import"), 1)
        del capsule
        self.assertEqual((self.live("import"), _dlpack._lent), (0, {}))

    def test_threads(self):
        values = np.arange(4096, dtype="<f4")
        array, wrong = self.array(values), []

        def read():
            for _ in range(20):
                if not np.array_equal(array.numpy(), values):
                    wrong.append(1)

        threads = [threading.Thread(target=read) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])
        del array, read

    def test_memory_opened_twice(self):
        one, two = (_cuda.DeviceMemory(self.region()) for _ in range(2))
        self.lender.write(0, bytes(range(8)))
        del one
        gc.collect()
        self.assertEqual(two.word(0), int.from_bytes(bytes(range(8)), "little"))


class Deliveries(WithLender):
    def test_batches(self):
        values = np.random.default_rng(1).random((2, 3, 4, 5), "f4")
        self.lender.write(4096, values.tobytes())
        reader = Reader()
        region = self.region(offset=4096, byte_size=values.nbytes)
        self.assertIsNone(reader.take(frame_service_pb2.StreamBatchesResponse(region=region)))
        m = tensor_pb2.Batch(
            dtype=tensor_pb2.TENSOR_DTYPE_FLOAT32, layout=tensor_pb2.TENSOR_LAYOUT_NCHW, shape=values.shape
        )
        m.shared.offset, m.shared.byte_size, m.shared.lease_id = 4096, values.nbytes, 7
        batch = reader.take(frame_service_pb2.StreamBatchesResponse(batch=m))
        self.assertIsInstance(batch.tensor, frameport.CudaArray)
        np.testing.assert_array_equal(batch.tensor.numpy(), values)
        self.assertIn("float32 (2, 3, 4, 5)", repr(batch))
        waits = self.calls("cuCtxSynchronize")
        ack, credit = reader.requests()
        self.assertEqual((ack.ack.lease_id, credit.credits), (7, 1))
        self.assertEqual(self.calls("cuCtxSynchronize"), waits + 1, "work on the GPU may go on")

    def test_shared_frames(self):
        worker = shares.Sharing()
        ring = GpuRing(self.lender, width=7, height=5)
        y, uv = ring.picture(1)
        ring.write(1, [y, uv], 3)
        with contextlib.ExitStack() as stack:
            client = stack.enter_context(Client(stack.enter_context(harness.fake(shares.register, worker))))
            worker.send(ring.message, ring.lease(1, slot=1, generation=3))
            stream = client.share("door", kind="cuda_ipc")
            frame = next(stream)
            self.assertEqual((frame.kind, [p.shape for p in frame.planes]), ("cuda_ipc", [(5, 7), (3, 4, 2)]))
            self.assertEqual(frame.y.__cuda_array_interface__["strides"], (17, 1))
            np.testing.assert_array_equal(frame.y.numpy(), y)
            np.testing.assert_array_equal(frame.u.numpy(), uv[:, 0::2])
            np.testing.assert_array_equal(frame.v.numpy(), uv[:, 1::2])
            host = shares.Ring("host", 7, 5, format="NV12")
            host.write(1, [y, uv], 3)
            same = frameport.SharedFrame(
                frameport.shared.Ring(host.message), host.lease(1, slot=1), frameport.Skipped(), lambda f: None
            )
            np.testing.assert_array_equal(frame.to_bgr(), same.to_bgr())
            self.assertTrue(frame.valid())
            waits = self.calls("cuCtxSynchronize")
            frame.release()
            self.assertEqual((worker.ack(), self.calls("cuCtxSynchronize")), (1, waits + 1))
            ring.write(1, [y, uv], 4)
            self.assertFalse(frame.valid())
            stream.close()
            del frame, stream

    def test_a_region_that_makes_no_sense(self):
        ring = GpuRing(self.lender)
        ring.message.planes[1].offset = 4096  # nobody would notice
        with self.assertRaises(frameport.WorkerFault):
            frameport.shared.Ring(ring.message)


class WithWorker(WithLender):
    """Of Frameport, which is another process on the same simulated GPU."""

    def setUp(self):
        super().setUp()
        self.client = Client(harness.gpu().found["grpc"])
        self.addCleanup(self.client.close)

    def test_shared_frames_are_those_that_are_delivered(self):
        with self.client.share("street") as frames:

            def attempt():
                frame = next(frames)
                delivered = self.client.latest("street")
                return (frame, delivered) if delivered.position == frame.position else None

            frame, delivered = until(attempt, "one frame in both")
            self.assertEqual((frame.kind, frame.format, frame.y.shape), ("cuda_ipc", "nv12", (720, 1280)))
            bgr = frame.to_bgr()
            self.assertTrue(frame.valid())
        self.assertLessEqual(np.abs(bgr.astype(int) - delivered.image).max(), 1)
        del frame, frames, attempt

    def test_batches_are_those_that_are_delivered(self):
        def attempt():
            rows = []
            for delivery in ("inline", "cuda_ipc"):
                with self.client.batches("street", width=320, height=180, delivery=delivery) as batches:
                    batch = next(batches)
                    tensor = batch.tensor if delivery == "inline" else batch.tensor.numpy()
                    rows.append((batch.entries[0].position, tensor.copy()))
            return rows if rows[0][0] == rows[1][0] else None

        rows = until(attempt, "one frame in both")
        np.testing.assert_array_equal(rows[0][1], rows[1][1])


class Faults(WithLender):
    def refused(self, **more):
        with self.assertRaises(frameport.NotPossible) as caught:
            _cuda.DeviceMemory(self.region(**more))
        text = str(caught.exception)
        self.assertIn("watch() work", text)
        return text

    def test_without_a_driver(self):
        with mock.patch.object(_cuda, "LIBRARY", "libcuda-of-nobody.so.1"):
            self.assertRegex(self.refused(), "NVIDIA's driver .* can't be loaded: .*nobody.*--gpus")
        with mock.patch.object(_cuda, "LIBRARY", "libc.so.6"):
            self.assertRegex(self.refused(), "too old: libc.so.6 has no cuInit")
        self.assertIsInstance(_cuda.driver(), _cuda.Driver, "a failure is not kept")

    def test_without_a_gpu(self):
        code = (
            "from frameport import _cuda, NotPossible\n"
            "try: _cuda.driver()\n"
            "except NotPossible as error: print(error)\n"
        )
        environment = {
            **os.environ, "FRAMEPORT_GPUSIM_DEVICES": "0", "LD_LIBRARY_PATH": os.path.dirname(harness.CUDA),
        }
        done = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, encoding="utf-8")
        self.assertRegex(done.stdout, r"cuInit: CUDA_ERROR_NO_DEVICE \(100\): .*nvidia-smi")

    def test_another_gpu(self):
        text = self.refused(device_uuid="GPU-01234567-0123-0123-0123-0123456789ab")
        self.assertRegex(text, "on the GPU GPU-01234567.*does not see.*CUDA_VISIBLE_DEVICES")

    def test_handles_that_can_not_be_opened(self):
        self.assertRegex(self.refused(raw_handle=bytes(64)), "CUDA_ERROR_INVALID_VALUE.*IPC and the PID name space")
        with self.assertRaisesRegex(frameport.NotPossible, "3 bytes instead of 64"):
            _cuda.DeviceMemory(self.region(raw_handle=b"abc"))
        for code, text in ((201, "process that made the memory"), (3, "forked.*spawn")):
            self.sim.fp_gpusim_fail(f"cuIpcOpenMemHandle:0:{code}".encode())
            try:
                self.assertRegex(self.refused(), text)
            finally:
                self.sim.fp_gpusim_fail(b"")

    def test_a_gpu_that_fails_later(self):
        memory = _cuda.DeviceMemory(self.region())
        array = memory.array(0, (4,), np.dtype("u1"))
        self.sim.fp_gpusim_fail(b"cuMemcpyDtoHAsync:0:999")
        try:
            with self.assertRaisesRegex(frameport.NotPossible, "cuMemcpyDtoHAsync_v2: CUDA_ERROR_UNKNOWN"):
                array.numpy()
        finally:
            self.sim.fp_gpusim_fail(b"")
        del array, memory


if __name__ == "__main__":
    unittest.main()
