"""The client for asyncio against a real worker with synthetic cameras."""

import asyncio
import socket
import unittest
from unittest import mock

import harness
import numpy as np

import frameport
from frameport import aio


async def until(condition, what):
    async def poll():
        while True:
            result = await condition()
            if result:
                return result
            await asyncio.sleep(0.01)

    try:
        return await asyncio.wait_for(poll(), harness.PATIENCE)
    except asyncio.TimeoutError:
        raise AssertionError(f"waited in vain for {what}") from None


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.client = aio.Client(harness.address())
        self.addAsyncCleanup(self.client.close)

    async def add(self, name, url=None, **settings):
        await self.client.add_camera(name, url or harness.url(), **settings)
        self.addAsyncCleanup(self.client.remove_camera, name)

    async def readers(self, camera):
        return (await self.client.camera(camera)).message.status.readers

    async def test_latest(self):
        frame = await self.client.latest("street", wait=30)
        self.assertEqual((frame.image.shape, frame.image.dtype), ((720, 1280, 3), np.uint8))
        newer = await self.client.latest("street", "jpeg", width=64, newer_than=frame, wait=30)
        self.assertGreater(newer.position, frame.position)
        self.assertEqual(newer.image[:2], b"\xff\xd8")
        for wrong, error in {
            self.client.latest("nosuch"): frameport.CameraNotFound,
            self.client.latest("street", "bmp"): frameport.InvalidRequest,
            self.client.latest("street", newer_than=(10**6, 1), max_age=1e-9): frameport.WaitExpired,
        }.items():
            with self.assertRaises(error):
                await wrong
        async with aio.Client(harness.address(), max_message_bytes=100_000) as small:
            with self.assertRaises(frameport.FrameTooLarge):
                await small.latest("parking", wait=30)

    async def test_however_slow_the_loop_is_the_newest_frame_comes(self):
        async def newest():
            camera = await self.client.camera("street")
            return camera.epoch, camera.sequence

        async def grown():
            return (await newest()) >= (last.epoch, last.sequence + 6)

        async with self.client.watch("street", format="gray", width=64) as frames:
            last = await frames.__anext__()
            for _ in range(3):
                await until(grown, "six frames more")
                expected = await newest()
                frame = await frames.__anext__()
                self.assertGreaterEqual(frame.position, expected, "a frame was sent before it was asked for")
                self.assertEqual(frame.skipped.total, frame.sequence - last.sequence - 1)
                last = frame

    async def test_many_watches_in_one_loop(self):
        async def three(camera):
            found = []
            async with self.client.watch(camera, format="gray", width=64) as frames:
                async for frame in frames:
                    found.append(frame.camera)
                    if len(found) == 3:
                        return found

        names = [c.name for c in await self.client.cameras("demo=true")]
        self.assertEqual(await asyncio.gather(*map(three, names)), [[n] * 3 for n in names])

    async def test_a_wait_that_expires_does_not_end_the_stream(self):
        await self.add("late", "rtsp://127.0.0.1:1025/none")
        async with self.client.watch("late", format="gray", width=64) as frames:
            for _ in range(2):
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(frames.__anext__(), 0.05)
            await self.client.update_camera("late", url=harness.url())
            frame = await asyncio.wait_for(frames.__anext__(), harness.PATIENCE)
            self.assertEqual(frame.camera, "late")
            self.assertEqual((await frames.__anext__()).camera, "late")

    async def test_close_ends_a_loop_that_waits(self):
        await self.add("mute-aio", "rtsp://127.0.0.1:1025/none")

        async def loop(stream):
            return [frame async for frame in stream]

        async def started():
            return await self.readers("mute-aio") == 1

        stream = self.client.watch("mute-aio")
        task = asyncio.ensure_future(loop(stream))
        await until(started, "the stream")
        await stream.close()
        self.assertEqual(await asyncio.wait_for(task, harness.PATIENCE), [])
        self.assertEqual(await loop(stream), [], "a closed stream stays closed")

        other = aio.Client(harness.address())
        task = asyncio.ensure_future(loop(other.watch("mute-aio")))
        await until(started, "the stream")
        await other.close()
        self.assertEqual(await asyncio.wait_for(task, harness.PATIENCE), [])

    async def test_a_loop_that_is_left_ends_the_stream(self):
        await self.add("left-aio")

        async def gone():
            return await self.readers("left-aio") == 0

        stream = self.client.watch("left-aio", format="gray", width=64)
        async for _ in stream:
            self.assertEqual(await self.readers("left-aio"), 1)
            break
        del stream
        await until(gone, "the end of the stream")

    async def test_batches_in_shared_memory(self):
        form = {"width": 32, "height": 32, "delivery": "shared_memory"}
        async with self.client.batches("street", **form) as batches:
            first = await batches.__anext__()
            for _ in range(3):
                batch = await batches.__anext__()
                self.assertGreater(batch.entries[0].position, first.entries[0].position)
            self.assertTrue(np.shares_memory(first.tensor, batch.tensor), "one slot is enough")
        with mock.patch("builtins.open", side_effect=PermissionError(13, "not yours")):
            stream = self.client.batches("street", **form)
            with self.assertRaises(frameport.NotPossible):
                await stream.__anext__()
        self.assertEqual([b async for b in stream], [], "the stream is closed")

    async def test_batches(self):
        async def newest():
            camera = await self.client.camera("street")
            return camera.epoch, camera.sequence

        async def grown():
            return (await newest()) >= (last.epoch, last.sequence + 6)

        form = {"width": 64, "height": 36, "dtype": "float16", "layout": "nhwc"}
        async with self.client.batches("street", **form) as batches:
            batch = await batches.__anext__()
            self.assertEqual((batch.number, batch.tensor.shape, batch.tensor.dtype), (1, (1, 36, 64, 3), np.float16))
            last = batch.entries[0]
            await until(grown, "six frames more")
            expected = await newest()
            entry = (await batches.__anext__()).entries[0]
            self.assertGreaterEqual(entry.position, expected, "a batch was made before it was asked for")
            self.assertEqual(entry.skipped.total, entry.sequence - last.sequence - 1)
            self.assertEqual(entry.box_to_source((16, 9, 48, 27)), (320, 180, 960, 540))
        self.assertEqual([b async for b in batches], [], "a closed stream stays closed")

        for wrong, error in (
            ({"cameras": "nosuch"}, frameport.CameraNotFound),
            ({"std": 0}, frameport.InvalidRequest),
            ({"width": 8192, "height": 8192}, frameport.FrameTooLarge),
        ):
            with self.assertRaises(error):
                await self.client.batches(**{**form, **wrong}).__anext__()

        await self.client.add_camera("going-batches-aio", harness.url())
        stream = self.client.batches("going-batches-aio", **form)
        await stream.__anext__()
        await self.client.remove_camera("going-batches-aio")
        with self.assertRaises(frameport.CameraRemoved):
            async for _ in stream:
                pass

    async def test_errors_of_streams(self):
        with self.assertRaises(frameport.CameraNotFound):
            await self.client.watch(["street", "nosuch"]).__anext__()
        await self.client.add_camera("going-aio", harness.url())
        stream = self.client.watch("going-aio", format="gray", width=64)
        await stream.__anext__()
        await self.client.remove_camera("going-aio")
        with self.assertRaises(frameport.CameraRemoved):
            async for _ in stream:
                pass

    async def test_cameras(self):
        camera = await self.client.add_camera("life-aio", "rtsp://127.0.0.1:1025/none", labels={"events": "aio"}, max_fps=3)
        self.assertEqual((camera.labels, camera.message.spec.decode.max_fps), ({"events": "aio"}, 3))
        async with self.client.watch_cameras(labels="events=aio") as events:
            kinds = []
            async for event in events:
                kinds.append(event.type)
                if event.type == "synced":
                    changed = await self.client.update_camera("life-aio", url="rtsp://127.0.0.1:1025/other")
                    self.assertEqual(changed.url, "rtsp://127.0.0.1:1025/other")
                    await self.client.remove_camera("life-aio")
                if event.type == "removed":
                    break
        self.assertEqual((kinds[:2], kinds[-1]), (["current", "synced"], "removed"))
        with self.assertRaises(frameport.CameraNotFound):
            await self.client.camera("life-aio")
        with self.assertRaises(frameport.InvalidRequest):
            await self.client.add_camera("X", "http://x")

    async def test_worker_and_clock(self):
        self.assertEqual((await self.client.worker()).backend, "cpu")
        clock = await self.client.clock(probes=4)
        self.assertLessEqual(abs(clock.offset), clock.error + 1e-3)  # one machine, one clock

    async def test_connections(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            async with aio.Client("127.0.0.1:%d" % unused.getsockname()[1]) as client:
                with self.assertRaises(frameport.ConnectionFailed):
                    await client.cameras()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            async with aio.Client("127.0.0.1:%d" % silent.getsockname()[1], timeout=0.2) as client:
                with self.assertRaises(frameport.CallTimeout):
                    await client.cameras()
        client = aio.Client("127.0.0.1:1")
        await client.close()
        batches = client.batches(width=1, height=1)
        for call in (client.cameras, client.watch().__anext__, batches.__anext__, client.watch_cameras().__anext__):
            with self.assertRaises(frameport.ClientClosed):
                await call()


if __name__ == "__main__":
    unittest.main()
