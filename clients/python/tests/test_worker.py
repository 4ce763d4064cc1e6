"""The blocking client against a real worker with synthetic cameras."""

import contextlib
import gc
import queue
import signal
import tempfile
import threading
import unittest
from datetime import datetime, timezone
from itertools import islice

import harness
import numpy as np
from harness import added, until

import frameport
from frameport import Client


class WithClient(unittest.TestCase):
    def setUp(self):
        self.client = Client(harness.address())
        self.addCleanup(self.client.close)

    def enterContext_(self, context):  # TestCase.enterContext is Python 3.11's
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value


class Pictures(WithClient):
    @classmethod
    def setUpClass(cls):
        """Adds a camera whose newest frame stays for a while: that of a GOP."""
        with Client(harness.address()) as client:
            client.add_camera("still", harness.url("street"), decode="keyframes")
        cls.addClassCleanup(cls.remove)

    @staticmethod
    def remove():
        with Client(harness.address()) as client:
            client.remove_camera("still")

    def forms(self, *forms):
        """Returns one frame in several forms: asks until all answers are of the same frame."""

        def attempt():
            frames = [self.client.latest("still", wait=harness.PATIENCE, **form) for form in forms]
            return frames if len({f.position for f in frames}) == 1 else None

        return until(attempt, "one frame in all forms")

    def test_formats_show_the_same_picture_in_true_colours(self):
        bgr, rgb, gray, nv12, jpeg = self.forms(*({"format": f} for f in ("bgr", "rgb", "gray", "nv12", "jpeg")))
        self.assertEqual(bgr.image.shape, (720, 1280, 3))
        self.assertEqual(bgr.image.dtype, np.uint8)
        np.testing.assert_array_equal(bgr.image, rgb.image[:, :, ::-1])
        self.assertEqual(gray.image.shape, (720, 1280))
        self.assertEqual(nv12.image.shape, (1080, 1280))
        self.assertEqual([p.shape for p in nv12.planes], [(720, 1280), (360, 640, 2)])
        self.assertEqual((jpeg.image[:2], jpeg.image[-2:]), (b"\xff\xd8", b"\xff\xd9"))
        self.assertEqual([f.format for f in (bgr, rgb, gray, nv12, jpeg)], ["bgr", "rgb", "gray", "nv12", "jpeg"])

        # RGB from the planes by BT.709's formula (limited range), where chroma is flat:
        # red is red, and Cb comes before Cr.
        self.assertEqual((nv12.color_matrix, nv12.color_range), ("bt709", "limited"))
        luma, chroma = (p.astype(float) for p in nv12.planes)
        y = (luma[::2, ::2] - 16) * 255 / 219
        cb, cr = ((chroma[:, :, i] - 128) * 255 / 224 for i in (0, 1))
        truth = np.stack([y + 1.5748 * cr, y - 0.1873 * cb - 0.4681 * cr, y + 1.8556 * cb], axis=2).clip(0, 255)
        flat = np.all(np.abs(np.diff(chroma, axis=1, append=chroma[:, -1:])) <= 1, axis=2)
        colourful = np.abs(cb - cr) > 40
        self.assertGreater((flat & colourful).sum(), 1000, "the test picture has no colours")
        difference = np.abs(truth - rgb.image[::2, ::2])[flat & colourful]
        self.assertLess(np.median(difference), 4)

    def test_size_fit_and_crop(self):
        latest = self.client.latest
        self.assertEqual(latest("street", width=320, wait=30).image.shape, (180, 320, 3))
        self.assertEqual(latest("street", height=90).image.shape, (90, 160, 3))
        self.assertEqual(latest("street", width=300, height=300, fit="stretch").image.shape, (300, 300, 3))
        self.assertEqual(latest("street", width=300, height=300, fit="contain").image.shape, (169, 300, 3))
        boxed = latest("street", width=320, height=320, fit="letterbox")
        self.assertEqual(boxed.image.shape, (320, 320, 3))
        self.assertEqual(boxed.image[:60].max(), 0, "the padding is black")
        self.assertEqual(boxed.transform.to_source(160, 160), (640, 360))
        self.assertEqual((boxed.source_width, boxed.source_height), (1280, 720))

        whole, part = self.forms({}, {"crop": (100, 50, 64, 32)})
        self.assertEqual(part.image.shape, (32, 64, 3))
        np.testing.assert_array_equal(part.image, whole.image[50:82, 100:164])
        self.assertEqual(part.transform.to_source(0, 0), (100, 50))

    def test_quality(self):
        low, high = self.forms(*({"format": "jpeg", "quality": q} for q in (10, 95)))
        self.assertLess(len(low.image), len(high.image))

    def test_frames_beyond_grpcs_own_limit(self):
        frame = self.client.latest("parking", wait=30)
        self.assertEqual(frame.image.nbytes, 1080 * 1920 * 3)
        with Client(harness.address(), max_message_bytes=100_000) as small:
            for call in (lambda: small.latest("parking"), lambda: next(small.watch("parking"))):
                with self.assertRaises(frameport.FrameTooLarge) as caught:
                    call()
                self.assertEqual(caught.exception.metadata["limit_bytes"], "100000")
                self.assertGreaterEqual(int(caught.exception.metadata["required_bytes"]), frame.image.nbytes)

    def test_times(self):
        frame = self.client.latest("street", wait=30)
        clock = self.client.clock()
        now = datetime.now(timezone.utc)
        self.assertLess(frame.capture_time, now)
        self.assertLessEqual(frame.received_time, frame.decoded_time)
        self.assertLessEqual(frame.decoded_time, frame.sent_time)
        self.assertEqual(frame.capture_time_source, "rtcp")
        self.assertGreater(frame.capture_time_error, 0)
        self.assertGreater(frame.age(clock), frame.worker_age - clock.error)
        self.assertLessEqual(abs(clock.offset), clock.error + 1e-3)  # one machine, one clock


class Latest(WithClient):
    def test_newer_than(self):
        first = self.client.latest("street", "gray", width=64, wait=30)
        second = self.client.latest("street", "gray", width=64, newer_than=first, wait=30)
        third = self.client.latest("street", "gray", width=64, newer_than=second.position, wait=30)
        self.assertLess(first.position, second.position)
        self.assertLess(second.position, third.position)
        far = (third.epoch, third.sequence + 1_000_000)
        with self.assertRaises(frameport.WaitExpired) as caught:
            self.client.latest("street", newer_than=far, wait=0.01)
        self.assertEqual(caught.exception.reason, "WAIT_EXPIRED")

    def test_max_age(self):
        frame = self.client.latest("street", "gray", width=64, max_age=30, wait=30)
        self.assertLess(frame.worker_age, 30)
        with self.assertRaises(frameport.WaitExpired):
            self.client.latest("street", max_age=1e-9)

    def test_the_wait_comes_on_top_of_the_timeout(self):
        with added(self.client, "slow-start", "rtsp://127.0.0.1:1025/none"):
            with Client(harness.address(), timeout=0.5) as hasty, self.assertRaises(frameport.NoFrameYet):
                hasty.latest("slow-start", wait=1)

    def test_a_camera_without_frames(self):
        with added(self.client, "dead", "rtsp://127.0.0.1:1025/none"):
            until(lambda: self.client.camera("dead").state == "failed", "the fault")
            with self.assertRaises(frameport.NoFrameYet) as caught:
                self.client.latest("dead")
        error = caught.exception
        self.assertEqual((error.reason, error.metadata["fault_class"]), ("NO_FRAME_YET", "FAULT_CLASS_UNREACHABLE"))
        self.assertGreater(error.retry_delay, 0)
        self.assertIn("refused", str(error))

    def test_errors(self):
        with self.assertRaises(frameport.CameraNotFound) as caught:
            self.client.latest("nosuch")
        self.assertEqual(caught.exception.reason, "CAMERA_NOT_FOUND")
        with self.assertRaises(frameport.InvalidRequest) as caught:
            self.client.latest("street", "jpeg", quality=101)
        self.assertEqual(caught.exception.reason, "INVALID_QUALITY")
        self.assertEqual([v.field for v in caught.exception.field_violations], ["output.quality"])
        with added(self.client, "undecoded", decode="none"), self.assertRaises(frameport.DecodeDisabled):
            self.client.latest("undecoded")


class Watch(WithClient):
    def newest(self, camera):
        seen = self.client.camera(camera)
        return seen.epoch, seen.sequence

    def test_however_slow_the_loop_is_the_newest_frame_comes(self):
        with self.client.watch("street", format="gray", width=64) as frames:
            last = next(frames)
            for _ in range(3):
                until(lambda: self.newest("street") >= (last.epoch, last.sequence + 6), "six frames more")
                newest = self.newest("street")
                frame = next(frames)
                self.assertGreaterEqual(frame.position, newest, "a frame was sent before it was asked for")
                self.assertEqual(frame.skipped.total, frame.sequence - last.sequence - 1)
                self.assertGreaterEqual(frame.skipped.slow_consumer, 5)
                last = frame

    def test_a_quick_loop_misses_nothing_twice(self):
        with self.client.watch("street", format="jpeg", width=64) as frames:
            positions = [f.position for f in islice(frames, 10)]
        self.assertEqual(len(set(positions)), 10)
        self.assertEqual(positions, sorted(positions))

    def test_an_interrupted_step_does_not_ask_twice(self):
        asked, waiting = queue.SimpleQueue(), set()

        def tap(requests):
            for request in requests:
                asked.put(request.WhichOneof("request"))
                yield request

        def watch(requests):
            taken = self.client._frames.WatchFrames(tap(requests))

            class Call:
                cancel = staticmethod(taken.cancel)

                def __next__(self):
                    waiting.add(threading.current_thread())
                    return next(taken)

            return Call()

        class Interrupted(queue.SimpleQueue):
            left = 2

            def get(self):
                if self.left:
                    self.left -= 1
                    raise KeyboardInterrupt
                return super().get()

        start = self.client.watch("street", format="gray", width=64)._requests.get()
        with frameport.FrameStream(watch, start, "") as stream:
            stream._messages = Interrupted()
            for _ in range(2):
                with self.assertRaises(KeyboardInterrupt):
                    next(stream)
            frames = [next(stream), next(stream)]
        self.assertLess(frames[0].position, frames[1].position)
        self.assertEqual([asked.get(), asked.get()], ["start", "credits"])
        self.assertTrue(asked.empty())
        self.assertNotIn(threading.main_thread(), waiting, "gRPC would be interrupted in the middle of waiting")

    def test_several_cameras_take_turns(self):
        with self.client.watch(format="gray", width=64, labels={"demo": "true"}) as frames:
            seen = {f.camera for f in islice(frames, 40)}
        self.assertEqual(seen, {"street", "parking", "entrance", "workshop"})

    def test_cameras_that_come_later_join(self):
        self.enterContext_(added(self.client, "first", labels={"join": "yes"}))
        with self.client.watch(labels="join=yes", format="gray", width=64) as frames:
            self.assertEqual(next(frames).camera, "first")
            self.enterContext_(added(self.client, "second", labels={"join": "yes"}))
            until(lambda: next(frames).camera == "second", "the second camera")

    def test_max_fps(self):
        with self.client.watch("street", format="gray", width=64, max_fps=5) as frames:
            next(frames)
            self.assertGreater(next(frames).skipped.policy, 0)

    def test_names_may_come_as_any_iterable(self):
        with self.client.watch((c for c in ["street"]), format="gray", width=64) as frames:
            self.assertEqual(next(frames).camera, "street")

    def readers(self, camera):
        return self.client.camera(camera).message.status.readers

    def test_a_loop_that_is_left_ends_the_stream(self):
        self.enterContext_(added(self.client, "left"))
        threads = threading.active_count()
        for frame in self.client.watch("left", format="gray", width=64):
            self.assertEqual(self.readers("left"), 1)
            break
        gc.collect()
        until(lambda: self.readers("left") == 0, "the end of the stream")
        until(lambda: threading.active_count() <= threads, "the end of gRPC's thread for requests")

    def test_close_ends_a_loop_that_waits(self):
        self.enterContext_(added(self.client, "mute", "rtsp://127.0.0.1:1025/none"))
        stream = self.client.watch("mute")
        ended = queue.SimpleQueue()
        thread = threading.Thread(target=lambda: ended.put(list(stream)))
        thread.start()
        until(lambda: self.readers("mute") == 1, "the stream")
        stream.close()
        self.assertEqual(ended.get(timeout=harness.PATIENCE), [])
        thread.join()
        self.assertEqual(list(stream), [], "a closed stream stays closed")

    def test_closing_the_client_ends_its_loops(self):
        self.enterContext_(added(self.client, "mute2", "rtsp://127.0.0.1:1025/none"))
        other = Client(harness.address())
        ended = queue.SimpleQueue()
        thread = threading.Thread(target=lambda: ended.put(list(other.watch("mute2"))))
        thread.start()
        until(lambda: self.readers("mute2") == 1, "the stream")
        other.close()
        self.assertEqual(ended.get(timeout=harness.PATIENCE), [])
        thread.join()

    def test_errors(self):
        with self.assertRaises(frameport.CameraNotFound):
            next(self.client.watch(["street", "nosuch"]))
        with self.assertRaises(frameport.InvalidRequest) as caught:
            next(self.client.watch(max_fps=-1))
        self.assertEqual(caught.exception.reason, "INVALID_MAX_FPS")
        self.client.add_camera("going", harness.url())
        stream = self.client.watch("going", format="gray", width=64)
        next(stream)
        self.client.remove_camera("going")
        with self.assertRaises(frameport.CameraRemoved) as caught:
            list(stream)
        self.assertEqual(caught.exception.reason, "CAMERA_REMOVED")


class Cameras(WithClient):
    def test_add_look_change_remove(self):
        camera = self.client.add_camera("life", harness.url(), labels={"floor": "2"})
        self.assertEqual((camera.name, camera.url, camera.labels), ("life", harness.url(), {"floor": "2"}))
        self.assertEqual(self.client.add_camera("life", harness.url(), labels={"floor": "2"}).name, "life")
        with self.assertRaises(frameport.CameraExists) as caught:
            self.client.add_camera("life", harness.url("parking"))
        self.assertEqual(caught.exception.reason, "CAMERA_ALREADY_EXISTS")

        self.client.latest("life", "gray", width=64, wait=harness.PATIENCE)
        camera = until(lambda: self.running("life"), "the camera")
        self.assertEqual((camera.codec, camera.width, camera.height, camera.fault), ("mjpeg", 640, 480, None))
        self.assertEqual(camera.backend, "cpu")
        self.assertGreater(camera.epoch, 0)
        self.assertIsNotNone(camera.last_frame_time)

        camera = self.client.update_camera("life", max_fps=5)
        self.assertEqual((camera.message.spec.decode.max_fps, camera.labels), (5, {"floor": "2"}))
        camera = self.client.update_camera("life", labels={}, decode="keyframes", url=harness.url("parking"))
        self.assertEqual((camera.labels, camera.url), ({}, harness.url("parking")))
        self.assertEqual(camera.message.spec.decode.max_fps, 5, "what is not named stays")
        self.assertEqual(self.client.update_camera("life", max_fps=0).message.spec.decode.max_fps, 0)

        self.client.remove_camera("life")
        for call in (self.client.camera, self.client.remove_camera, self.client.update_camera):
            with self.assertRaises(frameport.CameraNotFound):
                call("life")

    def running(self, name):
        camera = self.client.camera(name)
        return camera if camera.state == "running" and camera.decoded_fps > 0 else None

    def test_every_setting_arrives(self):
        pin = "ab" * 32
        with added(
            self.client, "settings", "rtsps://127.0.0.1:1025/x", username="admin", password="s3cret-word",
            labels={"a": "b"}, transport="TCP", tls="pin", tls_pin_sha256=pin, decode="skip_non_reference",
            max_fps=7.5, max_width=640, max_height=480, ring_size=6, color_matrix="bt601", color_range="full",
            backend="cpu",
        ):
            camera = self.client.camera("settings")
            spec = camera.message.spec
            self.assertEqual((spec.credentials.username, spec.credentials.password, spec.credentials.password_set), ("admin", "", True))
            self.assertEqual((spec.tls.mode, spec.tls.pin_sha256, spec.transport), (2, pin, 2))
            self.assertEqual((spec.decode.mode, spec.decode.max_fps), (2, 7.5))
            self.assertEqual((spec.frame.max_width, spec.frame.max_height, spec.frame.ring_size), (640, 480, 6))
            self.assertEqual((spec.frame.color.matrix, spec.frame.color.range, spec.backend), (1, 2, 3))
            self.assertNotIn("s3cret-word", repr(camera) + str(camera.message))
            with self.assertRaises(frameport.FrameportError) as caught:
                self.client.update_camera("settings", password="other-s3cret", device="17", ring_size=1000)
            self.assertNotIn("s3cret", str(caught.exception) + repr(caught.exception.__dict__))

    def test_all_that_is_wrong_is_named(self):
        with self.assertRaises(frameport.InvalidRequest) as caught:
            self.client.add_camera("X", "http://x", labels={"!": "a"})
        self.assertEqual([v.field for v in caught.exception.field_violations], ["camera_id", "spec.url", "spec.labels"])
        self.assertEqual(caught.exception.reason, "INVALID_CAMERA_ID")

    def test_list(self):
        names = [c.name for c in self.client.cameras(labels="demo=true")]
        self.assertEqual(names, ["entrance", "parking", "street", "workshop"])
        self.assertEqual(self.client.cameras({"demo": "no"}), [])
        with self.assertRaises(frameport.InvalidRequest):
            self.client.cameras("a b c")

    def test_events(self):
        self.enterContext_(added(self.client, "before", labels={"events": "yes"}))
        with self.client.watch_cameras(labels={"events": "yes"}) as events:
            kinds = [(e.type, e.camera and e.camera.name) for e in islice(events, 2)]
            self.assertEqual(kinds, [("current", "before"), ("synced", None)])
            self.client.add_camera("during", "rtsp://127.0.0.1:1025/none", labels={"events": "yes"})
            event = self.next_of(events, "during", lambda e: e.type == "added")
            self.assertIsNotNone(event.time)
            if event.camera.state != "failed":
                event = self.next_of(events, "during", lambda e: e.camera.state == "failed")
            self.assertEqual(event.camera.fault.kind, "unreachable")
            self.assertIn("refused", event.camera.fault.message)
            self.client.remove_camera("during")
            self.next_of(events, "during", lambda e: e.type == "removed")

    def next_of(self, events, name, wanted):
        for event in events:
            if event.camera is not None and event.camera.name == name and wanted(event):
                return event
        raise AssertionError("the stream ended")


class Workers(unittest.TestCase):
    def test_how_it_is(self):
        with Client(harness.address()) as client:
            worker = client.worker()
        self.assertEqual((worker.backend, worker.devices), ("cpu", ()))
        self.assertGreaterEqual(worker.cameras["total"], 4)
        self.assertGreater(worker.uptime, 0)
        self.assertLess(worker.start_time, datetime.now(timezone.utc))
        for text in (worker.version, worker.instance_id, worker.backend_reason):
            self.assertTrue(text)

    def test_killed_and_started_again(self):
        program = harness.serve()
        address = program.found["grpc"]
        with Client(address) as client:
            before = client.worker()
            events = client.watch_cameras()
            self.assertEqual(next(events).type, "synced")
            program.stop(signal.SIGKILL)
            with self.assertRaises(frameport.ConnectionFailed) as caught:
                next(events)
            self.assertIn(address, str(caught.exception))
            self.assertEqual(list(events), [], "the stream is over")
            again = harness.serve(address)
            self.addCleanup(again.stop)

            def answer():
                with contextlib.suppress(frameport.ConnectionFailed):
                    return client.worker()

            after = until(answer, "the worker's return")
            self.assertNotEqual(before.instance_id, after.instance_id)

    def test_stopped_in_good_order(self):
        program = harness.serve()
        with Client(program.found["grpc"]) as client:
            stream = client.watch_cameras()
            next(stream)
            program.stop()
            with self.assertRaises(frameport.ShuttingDown):
                next(stream)

    def test_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            address = f"unix:{folder}/frameport.sock"
            with self.assertRaises(frameport.ConnectionFailed) as caught, Client(address) as client:
                client.worker()
            self.assertIn(address, str(caught.exception))
            program = harness.serve(address)
            self.addCleanup(program.stop)
            with Client(address) as client:
                self.assertTrue(client.worker().instance_id)
                client.add_camera("door", harness.url())
                self.assertEqual(client.latest("door", wait=harness.PATIENCE).image.shape, (480, 640, 3))


if __name__ == "__main__":
    unittest.main()
