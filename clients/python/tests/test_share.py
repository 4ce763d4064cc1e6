"""Shared frames, from a worker made of answers."""

import asyncio
import gc
import os
import queue
import signal
import threading
import unittest

import grpc
import harness
import numpy as np
import shares
from google.protobuf.any_pb2 import Any
from harness import until
from shares import HEADER, Ring, Sharing

import frameport
from frameport import Client, SharedFrame, aio, shared
from frameport._proto import errors_pb2


def maps(ring):
    """Counts mappings of a ring's file in this process."""
    with open("/proc/self/maps", encoding="utf-8") as file:
        return sum(ring.file.name in line for line in file)


class Shared(unittest.TestCase):
    def setUp(self):
        self.worker = Sharing()
        context = harness.fake(shares.register, self.worker)
        self.client = Client(context.__enter__())
        self.addCleanup(context.__exit__, None, None, None)
        self.addCleanup(self.client.close)

    def share(self, **more):
        stream = self.client.share("door", **more)
        self.addCleanup(stream.close)
        return stream

    def ring(self, *arguments, **more):
        ring = Ring(*arguments, **more)
        self.addCleanup(ring.file.close)
        return ring


class Frames(Shared):
    def one(self, ring, seed=1):
        planes = ring.picture(seed)
        ring.write(1, planes, 7)
        self.worker.send(ring.message, ring.lease(1, slot=1, generation=7))
        return planes, next(self.share())

    def test_planes_are_the_file_without_a_copy(self):
        ring = self.ring(width=7, height=5)
        (y, u, v), frame = self.one(ring)
        self.assertEqual((frame.format, frame.kind, frame.width, frame.height), ("i420", "shared_memory", 7, 5))
        self.assertEqual([p.shape for p in frame.planes], [(5, 7), (3, 4), (3, 4)])
        for got, wanted in zip((frame.y, frame.u, frame.v), (y, u, v)):
            np.testing.assert_array_equal(got, wanted)
            self.assertEqual(got.strides, (17, 1))
            self.assertFalse(got.flags.writeable)
        ring.write(1, [y ^ 255, u, v], 7)
        np.testing.assert_array_equal(frame.y, y ^ 255, "it is a copy")

    @staticmethod
    def frame(ring):
        return SharedFrame(shared.Ring(ring.message), ring.lease(1), frameport.Skipped(), lambda f: None)

    def test_nv12(self):
        ring = self.ring(format="NV12")
        (y, uv), frame = self.one(ring)
        self.assertEqual((frame.format, [p.shape for p in frame.planes]), ("nv12", [(4, 6), (2, 3, 2)]))
        np.testing.assert_array_equal(frame.planes[1], uv.reshape(2, 3, 2))
        np.testing.assert_array_equal(frame.u, uv[:, 0::2])
        np.testing.assert_array_equal(frame.v, uv[:, 1::2])
        self.assertFalse(frame.v.flags.writeable)

    def test_what_it_says(self):
        ring = self.ring(matrix="BT601", range_="FULL")
        ring.write(0, ring.picture(1), 1)
        lease = ring.lease(1, corrupt=True)
        lease.skipped.network = 4
        self.worker.send(ring.message, lease)
        frame = next(self.share())
        self.assertEqual((frame.camera, frame.position, frame.pts), ("door", (2, 1), 0.04))
        self.assertEqual((frame.color_matrix, frame.color_range), ("bt601", "full"))
        self.assertEqual((frame.capture_timestamp, frame.capture_time_error), (1_700_000_000, 0.003))
        self.assertEqual((frame.capture_time_source, frame.key_frame, frame.corrupt), ("rtcp", True, True))
        self.assertEqual((frame.received_time.microsecond, frame.decoded_time.microsecond), (10_000, 20_000))
        self.assertEqual(frame.worker_age, 0.02)
        self.assertEqual(frame.expire_time.second, frame.capture_time.second + 2)
        self.assertEqual(frame.skipped, frameport.Skipped(network=4))
        self.assertRegex(repr(frame), "SharedFrame door 2/1 6x4 i420 .* corrupt")

    def test_bgr_by_the_formula(self):
        for matrix, kr, kb in (("BT601", 0.299, 0.114), ("BT709", 0.2126, 0.0722), ("BT2020", 0.2627, 0.0593)):
            for range_, black, ys, cs in (("LIMITED", 16, 255 / 219, 255 / 224), ("FULL", 0, 1, 1)):
                for format, width, height in (("I420", 64, 48), ("NV12", 63, 47)):
                    ring = self.ring(f"{matrix}-{range_}-{format}", width, height, 1, format, matrix, range_)
                    ring.write(0, ring.picture(3), 1)
                    frame = self.frame(ring)
                    y = (frame.y.astype(float) - black) * ys
                    rows, columns = np.indices(y.shape) // 2
                    u, v = ((p.astype(float)[rows, columns] - 128) * cs for p in (frame.u, frame.v))
                    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
                    green = (y - kr * red - kb * blue) / (1 - kr - kb)
                    truth = np.stack([blue, green, red], axis=2).clip(0, 255)
                    bgr = frame.to_bgr()
                    self.assertEqual((bgr.shape, bgr.dtype), ((height, width, 3), np.uint8))
                    self.assertLessEqual(np.abs(bgr - truth).max(), 1.0, (matrix, range_, format))
                    self.assertTrue(bgr.flags.c_contiguous and bgr.flags.writeable)

    def test_valid_until_it_is_written_over(self):
        ring = self.ring()
        planes, frame = self.one(ring)
        self.assertTrue(frame.valid())
        frame.release()
        self.assertTrue(frame.valid(), "nothing was written over it")
        ring.write(1, planes, 8)
        self.assertFalse(frame.valid())


class Giving(Shared):
    """Back."""

    def setUp(self):
        super().setUp()
        self.made = self.ring()
        for slot in range(3):
            self.made.write(slot, self.made.picture(slot), 1)
        self.worker.send(self.made.message)

    def lease(self, number, **more):
        self.worker.send(self.made.lease(number, slot=number % 3, **more))

    def test_the_next_step_gives_a_frame_back(self):
        stream = self.share(max_fps=12, lease_duration=0.5, kind="shared_memory")
        self.lease(1)
        frame = next(stream)
        start = self.worker.open()
        self.assertEqual((start.camera_id, start.max_leases, start.max_fps, start.kind), ("door", 1, 12, 1))
        self.assertEqual(start.lease_duration.ToMilliseconds(), 500)
        self.assertFalse(self.worker.acks(), "it was given back before the loop went on")
        for number in (2, 3, 4):
            later = threading.Thread(target=lambda n=number: (self.assertEqual(self.worker.ack(), n - 1), self.lease(n)))
            later.start()
            frame = next(stream)
            later.join()
            self.assertEqual(frame.sequence, number)
        frame.release()
        self.assertEqual(self.worker.ack(), 4)
        frame.release()
        self.lease(5)
        self.assertEqual(next(stream).sequence, 5)
        self.assertFalse(self.worker.acks(), "it was given back twice")

    def test_with_blocks(self):
        self.lease(1)
        with self.share() as stream:
            with next(stream) as frame:
                self.worker.open()
                self.assertEqual(frame.sequence, 1)
            self.assertEqual(self.worker.ack(), 1)
        with self.assertRaises(StopIteration):
            next(stream)

    def test_several_at_a_time(self):
        stream = self.share(max_leases=3)
        held = []
        for number in (1, 2, 3):
            self.lease(number)
            held.append(next(stream))
        self.worker.open()
        self.assertFalse(self.worker.acks())
        held[1].release()
        self.assertEqual(self.worker.ack(), 2)
        self.lease(4)
        self.assertEqual(next(stream).sequence, 4)
        self.lease(5)
        self.assertEqual(next(stream).sequence, 5)
        self.assertEqual(self.worker.ack(), 1, "the oldest goes")
        self.assertFalse(self.worker.acks())

    def test_of_those_that_wait_the_newest_counts(self):
        stream = self.share(max_leases=4)
        self.lease(1)
        next(stream)
        self.worker.open()
        for number in (2, 3, 4):
            lease = self.made.lease(number, slot=number % 3)
            lease.skipped.policy, lease.skipped.slow_consumer = number, 10
            self.worker.send(lease)
        until(lambda: stream._messages.qsize() == 3, "the leases")
        frame = next(stream)
        self.assertEqual((frame.sequence, [self.worker.ack(), self.worker.ack()]), (4, [2, 3]))
        self.assertEqual(frame.skipped, frameport.Skipped(policy=9, slow_consumer=32))

    def test_a_loop_that_is_left_ends_the_stream_and_the_mapping(self):
        self.lease(1)
        for frame in self.client.share("door"):
            picture = frame.y
            break
        self.assertEqual(maps(self.made), 1)
        self.assertTrue(self.worker.ended.wait(harness.PATIENCE), "the stream goes on")
        until(lambda: "frameport-stream" not in {t.name for t in threading.enumerate()}, "the end of the thread")
        seen = picture.copy()
        del frame
        gc.collect()
        np.testing.assert_array_equal(picture, seen, "an array keeps the mapping")
        self.assertEqual(maps(self.made), 1)
        del picture
        self.assertEqual(maps(self.made), 0)

    def test_a_ring_that_is_replaced(self):
        stream = self.share(max_leases=2)
        self.lease(1)
        first = next(stream)
        other = self.ring("ring-2", 10, 8)
        other.write(0, other.picture(9), 1)
        self.worker.send(other.message, other.lease(2))
        second = next(stream)
        self.assertEqual((first.width, second.width, maps(self.made), maps(other)), (6, 10, 1, 1))
        np.testing.assert_array_equal(second.y, other.picture(9)[0])
        # Back to the first one, which is still mapped: it is mapped once.
        self.worker.send(self.made.message, self.made.lease(3))
        third = next(stream)
        self.assertEqual((third.width, maps(self.made)), (6, 1))
        self.assertEqual(self.worker.ack(), 1)
        del first, third
        self.worker.send(other.message, other.lease(4))
        fourth = next(stream)
        self.worker.send(other.lease(5, slot=1))
        next(stream)
        self.assertEqual((maps(self.made), maps(other)), (0, 1), "what nobody uses is closed")
        self.assertEqual(fourth.sequence, 4)

    def test_close_ends_a_loop_that_waits(self):
        stream = self.share()
        ended = queue.SimpleQueue()
        thread = threading.Thread(target=lambda: ended.put(list(stream)))
        thread.start()
        self.worker.open()
        stream.close()
        self.assertEqual(ended.get(timeout=harness.PATIENCE), [])
        thread.join()


class Faults(Shared):
    def test_a_region_that_is_gone(self):
        ring = Ring()
        ring.file.close()
        self.worker.send(ring.message)
        stream = self.share()
        with self.assertRaises(frameport.NotPossible) as caught:
            next(stream)
        self.assertRegex(str(caught.exception), "No such file.*worker's machine.*still run.*watch")
        self.assertEqual(list(stream), [], "the stream is closed")

    def test_a_region_that_was_shortened(self):
        ring = self.ring()
        os.truncate(ring.file.name, HEADER)
        self.worker.send(ring.message)
        with self.assertRaises(frameport.NotPossible):
            next(self.share())

    def test_a_region_that_is_shortened_later(self):
        ring = self.ring()
        ring.write(0, ring.picture(1), 1)
        self.worker.send(ring.message, ring.lease(1))
        frame = next(self.share())
        self.assertTrue(frame.valid())
        os.truncate(ring.file.name, HEADER)
        self.assertFalse(frame.valid())
        with self.assertRaisesRegex(frameport.SharedMemoryLost, "shortened"):  # and no SIGBUS
            frame.planes

    def test_nonsense(self):
        ring = self.ring()
        beyond = ring.lease(1)
        beyond.offset += 3 * ring.stride
        before = ring.lease(1)
        before.offset = 0
        small = Ring("small")
        small.message.slot_stride = 40
        empty = Ring("empty")
        del empty.message.planes[:]
        for messages, text in (
            ([ring.message, beyond], "outside"),
            ([ring.message, before], "outside"),
            ([small.message], "makes no sense"),
            ([empty.message], "makes no sense"),
            ([ring.lease(1)], "said nothing"),
        ):
            worker = Sharing()
            with harness.fake(shares.register, worker) as address, Client(address) as client:
                worker.send(*messages)
                stream = client.share("door")
                with self.assertRaisesRegex(frameport.WorkerFault, text):
                    next(stream)
                self.assertEqual(list(stream), [])

    def test_what_ends_the_stream(self):
        info = errors_pb2.ErrorInfo(reason="SHARED_MEMORY_LOST", domain="frameport")
        status = errors_pb2.Status(code=10, message="shortened")
        status.details.append(Any(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=info.SerializeToString()))
        ring = self.ring()
        ring.write(0, ring.picture(1), 1)
        self.worker.send(ring.message, ring.lease(1))
        self.worker.fail(grpc.StatusCode.ABORTED, "shortened", status.SerializeToString())
        stream = self.share()
        frame = next(stream)
        np.testing.assert_array_equal(frame.y, ring.picture(1)[0])
        with self.assertRaises(frameport.SharedMemoryLost):
            next(stream)
        frame.release()  # is nobody's any more
        self.assertEqual(list(stream), [])

    def test_arguments(self):
        for reason, form in (("INVALID_SHARE", {"max_leases": 0}), ("INVALID_SHARE", {"kind": "carrier pigeon"})):
            with self.assertRaises(frameport.InvalidRequest) as caught:
                self.client.share("door", **form)
            self.assertEqual(caught.exception.reason, reason)
        with self.assertRaisesRegex(TypeError, "one name"):
            self.client.share(["door", "yard"])
        self.client.close()
        with self.assertRaises(frameport.ClientClosed):
            next(self.client.share("door"))


class WithWorker(unittest.TestCase):
    def setUp(self):
        self.client = Client(harness.address())
        self.addCleanup(self.client.close)

    def add(self, name, source=None, **settings):
        context = harness.added(self.client, name, source, **settings)
        context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def test_the_picture_is_the_one_that_is_delivered(self):
        self.add("slow-share", harness.url("street"), max_fps=2)
        with self.client.share("slow-share") as frames:

            def attempt():
                frame = next(frames)
                delivered = self.client.latest("slow-share")
                return (frame, delivered) if delivered.position == frame.position else None

            frame, delivered = until(attempt, "one frame in both")
            bgr = frame.to_bgr()
            self.assertTrue(frame.valid())
        self.assertEqual((frame.width, frame.height, frame.kind), (1280, 720, "shared_memory"))
        self.assertEqual(frame.capture_time_ns, delivered.capture_time_ns)
        self.assertLessEqual(np.abs(bgr.astype(int) - delivered.image).max(), 1)

    def test_however_slow_the_loop_is_the_newest_frame_comes_and_a_held_one_stays(self):
        def newest():
            camera = self.client.camera("street")
            return camera.epoch, camera.sequence

        with self.client.share("street") as frames:
            last = next(frames)
            for _ in range(2):
                seen = last.y.copy()
                until(lambda: newest() >= (last.epoch, last.sequence + 8), "eight frames more")
                np.testing.assert_array_equal(last.y, seen, "it was written over")
                self.assertTrue(last.valid())
                position = newest()
                frame = next(frames)
                self.assertGreaterEqual(frame.position, position)
                self.assertEqual(frame.skipped.total, frame.sequence - last.sequence - 1)
                last = frame

    def test_refusals(self):
        for error, arguments in (
            (frameport.CameraNotFound, {"camera": "nosuch"}),
            (frameport.NotPossible, {"camera": "street", "kind": "cuda_ipc"}),
            (frameport.InvalidRequest, {"camera": "street", "max_leases": 17}),
            (frameport.InvalidRequest, {"camera": "street", "lease_duration": 61}),
            (frameport.InvalidRequest, {"camera": "street", "max_fps": -1}),
        ):
            with self.subTest(**arguments), self.assertRaises(error):
                next(self.client.share(**arguments))
        self.client.add_camera("going-share", harness.url())
        stream = self.client.share("going-share")
        next(stream)
        self.client.remove_camera("going-share")
        with self.assertRaises(frameport.CameraRemoved):
            list(stream)

    def test_a_worker_that_is_killed(self):
        worker = harness.serve()
        with Client(worker.found["grpc"]) as client:
            client.add_camera("door", harness.url("street"))
            stream = client.share("door", max_leases=2)
            frame = next(stream)
            seen = frame.y.copy()
            worker.stop(signal.SIGKILL)
            with self.assertRaises(frameport.ConnectionFailed):
                list(stream)
            np.testing.assert_array_equal(frame.y, seen)


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.worker = Sharing()
        context = harness.fake(shares.register, self.worker)
        self.client = aio.Client(context.__enter__())
        self.addCleanup(context.__exit__, None, None, None)
        self.addAsyncCleanup(self.client.close)
        self.ring = Ring()
        self.addCleanup(self.ring.file.close)
        for slot in range(3):
            self.ring.write(slot, self.ring.picture(slot), 1)

    async def ack(self):
        return await asyncio.get_running_loop().run_in_executor(None, self.worker.ack)

    async def test_a_loop(self):
        self.worker.send(self.ring.message, self.ring.lease(1, slot=1))
        async with self.client.share("door") as stream:
            frame = await stream.__anext__()
            np.testing.assert_array_equal(frame.y, self.ring.picture(1)[0])
            step = asyncio.ensure_future(stream.__anext__())
            self.assertEqual(await self.ack(), 1)
            self.worker.send(self.ring.lease(2, slot=2))
            frame = await step
            self.assertEqual((frame.sequence, frame.valid()), (2, True))
            with frame:
                pass
            self.assertEqual(await self.ack(), 2)
            # Waiting can be cut short; the stream goes on.
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(stream.__anext__(), 0.001)
            self.worker.send(self.ring.lease(3))
            self.assertEqual((await stream.__anext__()).sequence, 3)
        with self.assertRaises(StopAsyncIteration):
            await stream.__anext__()
        del frame, step
        gc.collect()
        self.assertEqual(maps(self.ring), 0)

    async def test_errors(self):
        self.worker.send(self.ring.lease(1))
        stream = self.client.share("door")
        with self.assertRaises(frameport.WorkerFault):
            await stream.__anext__()
        self.assertEqual([f async for f in stream], [])
        other = Sharing()
        other.fail(grpc.StatusCode.FAILED_PRECONDITION, "not this worker")
        with harness.fake(shares.register, other) as address:
            async with aio.Client(address) as client:
                with self.assertRaisesRegex(frameport.NotPossible, "not this worker"):
                    await client.share("door").__anext__()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        if tasks:  # that wait for requests
            _, tasks = await asyncio.wait(tasks, timeout=harness.PATIENCE)
        self.assertFalse(tasks)
        await self.client.close()
        with self.assertRaises(frameport.ClientClosed):
            await self.client.share("door").__anext__()

    async def test_close_ends_a_loop_that_waits(self):
        stream = self.client.share("door")
        waiting = asyncio.ensure_future(stream.__anext__())
        await asyncio.get_running_loop().run_in_executor(None, self.worker.open)
        await stream.close()
        with self.assertRaises(StopAsyncIteration):
            await waiting


if __name__ == "__main__":
    unittest.main()
