"""Batches: from messages, and from a real worker with synthetic cameras."""

import gc
import pickle
import queue
import tempfile
import threading
import unittest
from datetime import datetime, timezone
from itertools import islice
from unittest import mock

import harness
import numpy as np
from harness import added, until

import frameport
from frameport import Client, _requests
from frameport._proto.v1 import frame_service_pb2, media_pb2, share_pb2, tensor_pb2
from frameport._shared import Reader
from frameport.batches import default_size, from_message, spec

DEFAULTS = {
    "dtype": "float32", "layout": "nchw", "fit": "letterbox", "channel_order": "rgb",
    "scale": None, "mean": None, "std": None, "pad_value": None,
}


def wanted(width, height, **more):
    return spec(width, height, **{**DEFAULTS, **more})


def message(values, layout=tensor_pb2.TENSOR_LAYOUT_NCHW, dtype=tensor_pb2.TENSOR_DTYPE_FLOAT32):
    m = tensor_pb2.Batch(batch_number=3, dtype=dtype, layout=layout, shape=values.shape, data=values.tobytes())
    m.sent_time.FromNanoseconds(1_700_000_000_250_000_000)
    for i in range(len(values)):
        entry = m.entries.add(
            camera_id=f"door{i}", epoch=2, sequence=7, source_width=1280, source_height=720, key_frame=True,
            capture_time_source=media_pb2.CAPTURE_TIME_SOURCE_RTCP,
        )
        entry.pts.FromNanoseconds(40_000_000)
        entry.capture_time.FromNanoseconds(1_700_000_000_123_456_789)
        entry.capture_time_error.FromMilliseconds(3)
        entry.received_time.FromNanoseconds(1_700_000_000_200_000_000)
        entry.decoded_time.FromNanoseconds(1_700_000_000_210_000_000)
        entry.skipped.policy, entry.skipped.slow_consumer, entry.skipped.network, entry.skipped.decode = 1, 2, 3, 4
        t = entry.transform  # 1280x720 letterboxed in 640x640
        t.scale_x, t.scale_y, t.offset_x, t.offset_y = 2, 2, 0, -280
    return m


class FromMessages(unittest.TestCase):
    def test_tensors_of_every_type(self):
        for dtype, name in enumerate(["uint8", "<f2", "<f4"], tensor_pb2.TENSOR_DTYPE_UINT8):
            values = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5).astype(name)
            batch = from_message(message(values, dtype=dtype))
            self.assertEqual(batch.tensor.dtype, np.dtype(name))
            np.testing.assert_array_equal(batch.tensor, values)
            self.assertEqual((len(batch), batch.number, batch.layout), (2, 3, "nchw"))

    def test_the_tensor_is_the_message_without_a_copy(self):
        m = message(np.zeros((1, 4, 5, 3), "<f4"), tensor_pb2.TENSOR_LAYOUT_NHWC)
        data = m.data

        class Once:  # protobuf makes a copy at every access
            def __getattr__(self, name):
                return data if name == "data" else getattr(m, name)

        batch = from_message(Once())
        self.assertEqual((batch.tensor.shape, batch.layout), ((1, 4, 5, 3), "nhwc"))
        self.assertTrue(np.shares_memory(batch.tensor, np.frombuffer(data, np.uint8)))
        self.assertFalse(batch.tensor.flags.writeable)
        self.assertTrue(batch.tensor.flags.c_contiguous)

    def test_entries(self):
        batch = from_message(message(np.zeros((2, 3, 1, 1), "<f4")))
        self.assertEqual([e.camera for e in batch.entries], ["door0", "door1"])
        entry = batch.entries[1]
        self.assertEqual((entry.position, entry.pts, entry.key_frame, entry.corrupt), ((2, 7), 0.04, True, False))
        self.assertEqual(entry.capture_time, datetime(2023, 11, 14, 22, 13, 20, 123456, timezone.utc))
        self.assertEqual((entry.capture_time_source, entry.capture_time_error), ("rtcp", 0.003))
        self.assertEqual((entry.received_time.microsecond, entry.decoded_time.microsecond), (200_000, 210_000))
        self.assertEqual((entry.sent_time_ns, entry.worker_age), (batch.sent_time_ns, 0.05))
        self.assertEqual(entry.skipped, frameport.Skipped(1, 2, 3, 4))
        self.assertEqual((entry.source_width, entry.source_height), (1280, 720))
        self.assertIn("door1 2/7 of 1280x720", repr(entry))
        self.assertIn("(2, 3, 1, 1) of door0, door1", repr(batch))

    def test_boxes_map_home(self):
        entry = from_message(message(np.zeros((1, 3, 1, 1), "<f4"))).entries[0]
        self.assertEqual(entry.to_source(320, 320), (640, 360))
        self.assertEqual(entry.to_source(0, 0), (0, -280), "the border is outside")
        self.assertEqual(entry.box_to_source((10, 150, 20, 170)), (20, 20, 40, 60))
        self.assertEqual(entry.box_to_source(np.array([-5, 100, 700, 600])), (0, 0, 1280, 720), "cut off at the edges")

    def test_batches_travel_to_other_processes(self):
        batch = pickle.loads(pickle.dumps(from_message(message(np.ones((1, 3, 1, 1), "<f4")))))
        self.assertEqual((batch.number, batch.entries[0].position), (3, (2, 7)))
        np.testing.assert_array_equal(batch.tensor, np.ones((1, 3, 1, 1)))


class Requests(unittest.TestCase):
    def test_tensor(self):
        made = wanted(
            64, 48, dtype=np.uint8, layout="NHWC", fit="cover", channel_order="bgr", scale=0.5, mean=1, std=(1, 2, 4),
            pad_value=0,
        )
        self.assertEqual(made, tensor_pb2.TensorSpec(
            dtype=tensor_pb2.TENSOR_DTYPE_UINT8, layout=tensor_pb2.TENSOR_LAYOUT_NHWC, width=64, height=48,
            fit="FIT_COVER", channel_order=tensor_pb2.CHANNEL_ORDER_BGR, scale=0.5, mean=[1], std=[1, 2, 4], pad_value=0,
        ))
        plain = wanted(64, 48)
        self.assertFalse(plain.HasField("scale") or plain.HasField("pad_value") or plain.mean or plain.std)

    def test_words_that_are_none(self):
        for field, text in (
            ("fit", "is 'contain'; give one of cover, stretch, letterbox"),
            ("dtype", "is 'float64'; give one of uint8, float16, float32"),
            ("layout", "is 'chw'; give one of nchw, nhwc"),
            ("channel_order", "is 'grb'; give one of rgb, bgr"),
        ):
            with self.assertRaises(frameport.InvalidRequest) as caught:
                wanted(64, 48, **{field: text.split("'")[1]})
            self.assertEqual(caught.exception.field_violations, (frameport.FieldViolation(field, text),))

    def test_as_many_as_fit(self):
        for dtype, limit, size in (
            ("float32", 64 << 20, 8),
            ("float32", 32 << 20, 6),
            ("float16", 32 << 20, 8),
            ("uint8", 4 << 20, 3),
            ("float32", 100, 1),
        ):
            self.assertEqual(default_size(wanted(640, 640, dtype=dtype), limit), size, (dtype, limit))
        # A worker sends no more, whatever the client takes.
        self.assertEqual(default_size(wanted(2000, 2000), 1 << 30), 1)

    def test_start(self):
        start = _requests.stream_batches("a", {"site": "north"}, wanted(640, 640), None, 0.25, 32 << 20).start
        self.assertEqual((start.camera_ids, start.label_selector), (["a"], "site=north"))
        self.assertEqual((start.credits, start.max_batch_size, start.max_message_bytes), (1, 6, 32 << 20))
        self.assertEqual(start.max_wait.ToMilliseconds(), 250)
        self.assertFalse(_requests.stream_batches(None, None, wanted(1, 1), 1, None, 1).start.HasField("max_wait"))


    def test_what_is_in_shared_memory_is_given_back_once(self):
        reader = Reader()
        self.assertEqual(reader.requests(), [], "the start has a credit")
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"0123" + bytes(range(12)))
            file.flush()
            region = share_pb2.SharedRegion(key=file.name, offset=4, byte_size=12)
            self.assertIsNone(reader.take(frame_service_pb2.StreamBatchesResponse(region=region)))
        self.assertEqual(reader.requests(), [], "a region takes no credit")
        batch = tensor_pb2.Batch(dtype=tensor_pb2.TENSOR_DTYPE_UINT8, layout=tensor_pb2.TENSOR_LAYOUT_NCHW, shape=[1, 3, 2, 2])
        batch.shared.offset, batch.shared.byte_size, batch.shared.lease_id = 4, 12, 7
        taken = reader.take(frame_service_pb2.StreamBatchesResponse(batch=batch))
        self.assertEqual(taken.tensor.tobytes(), bytes(range(12)))
        ack, credit = reader.requests()
        self.assertEqual((ack.ack.lease_id, credit.credits), (7, 1))
        self.assertEqual(reader.requests(), [])


class WithWorker(unittest.TestCase):
    def setUp(self):
        self.client = Client(harness.address())
        self.addCleanup(self.client.close)

    def add(self, name, source=None, **settings):
        context = added(self.client, name, source, **settings)
        context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def newest(self, camera):
        seen = self.client.camera(camera)
        return seen.epoch, seen.sequence

    def readers(self, camera):
        return self.client.camera(camera).message.status.readers

    def test_every_form_shows_the_same_picture(self):
        # A camera whose newest frame stays for ten seconds.
        self.add("still-batches", harness.url("street"), decode="keyframes", max_fps=0.1)

        def row(**form):
            with self.client.batches("still-batches", **form) as batches:
                batch = next(batches)
            self.assertEqual(len(batch), 1)
            return batch.entries[0], batch.tensor[0]

        whole = {"width": 1280, "height": 720, "dtype": "uint8"}

        def attempt():
            frame = self.client.latest("still-batches", "rgb", wait=harness.PATIENCE)
            rows = [
                row(**whole, layout="nhwc"),
                row(**whole, channel_order="bgr"),
                row(width=1280, height=720, mean=(0.5, 0.25, 0), std=(1, 2, 4)),
                row(width=1280, height=720, dtype="float16", scale=1),
                row(width=320, height=320, dtype="uint8", pad_value=7),
                row(width=320, height=320, dtype="uint8", fit="stretch"),
            ]
            return (frame, rows) if {e.position for e, _ in rows} == {frame.position} else None

        frame, rows = until(attempt, "one frame in all forms")
        (entry, rgb), (_, bgr), (_, normal), (_, half), (boxed_entry, boxed), (stretched_entry, stretched) = rows
        self.assertEqual(
            [(r.shape, r.dtype.name) for _, r in rows],
            [((720, 1280, 3), "uint8"), ((3, 720, 1280), "uint8"), ((3, 720, 1280), "float32"),
             ((3, 720, 1280), "float16"), ((3, 320, 320), "uint8"), ((3, 320, 320), "uint8")],
        )
        self.assertLessEqual(np.abs(frame.image.astype(int) - rgb).max(), 1)
        planes = rgb.transpose(2, 0, 1)
        self.assertGreater(np.abs(planes[0].astype(int) - planes[2]).mean(), 1, "the test picture has no colours")
        np.testing.assert_array_equal(bgr, planes[::-1])
        mean, std = (np.array(v, np.float32).reshape(3, 1, 1) for v in ([0.5, 0.25, 0], [1, 2, 4]))
        np.testing.assert_allclose(normal, (planes.astype(np.float32) / 255 - mean) / std, atol=1e-5)
        np.testing.assert_array_equal(half, planes)
        self.assertTrue((boxed[:, :70] == 7).all(), "the border is not what was asked for")
        self.assertFalse((boxed[:, 70:250] == 7).all())
        self.assertFalse((stretched[:, :70] == 7).all())
        self.assertEqual(boxed_entry.to_source(160, 160), (640, 360))
        self.assertEqual(stretched_entry.box_to_source((0, 0, 320, 320)), (0, 0, 1280, 720))
        self.assertEqual((entry.camera, entry.source_width, entry.source_height), ("still-batches", 1280, 720))
        self.assertEqual(entry.received_time_ns, frame.received_time_ns)
        self.assertLessEqual(entry.received_time, entry.decoded_time)
        self.assertLessEqual(entry.decoded_time, entry.sent_time)

    def test_cameras_share_batches(self):
        names = {"street", "parking", "entrance", "workshop"}
        with self.client.batches(labels={"demo": "true"}, width=32, height=32, max_wait=10) as batches:
            numbers = []

            def full():
                batch = next(batches)
                numbers.append(batch.number)
                cameras = [e.camera for e in batch.entries]
                self.assertEqual(len(cameras), len(set(cameras)), "a camera stands in the batch twice")
                self.assertEqual(batch.tensor.shape, (len(batch), 3, 32, 32))
                return set(cameras) == names

            until(full, "a batch of all cameras")
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))

    def test_with_more_cameras_than_fit_they_take_turns(self):
        with self.client.batches(labels="demo=true", width=32, height=32, max_batch_size=1) as batches:
            seen = set()

            def all_seen():
                batch = next(batches)
                self.assertEqual(len(batch), 1)
                seen.add(batch.entries[0].camera)
                return len(seen) == 4

            until(all_seen, "every camera")

    def test_cameras_that_come_later_join(self):
        with self.client.batches(labels="join-batches=yes", width=32, height=32) as batches:
            self.add("batches-1", labels={"join-batches": "yes"})
            self.assertEqual([e.camera for e in next(batches).entries], ["batches-1"])
            self.add("batches-2", labels={"join-batches": "yes"})
            until(lambda: "batches-2" in {e.camera for e in next(batches).entries}, "the second camera")

    def test_however_slow_the_loop_is_the_newest_frames_come(self):
        with self.client.batches("street", width=32, height=32) as batches:
            last = next(batches).entries[0]
            for _ in range(3):
                until(lambda: self.newest("street") >= (last.epoch, last.sequence + 6), "six frames more")
                newest = self.newest("street")
                entry = next(batches).entries[0]
                self.assertGreaterEqual(entry.position, newest, "a batch was made before it was asked for")
                self.assertEqual(entry.skipped.total, entry.sequence - last.sequence - 1)
                self.assertGreaterEqual(entry.skipped.slow_consumer, 5)
                last = entry

    def test_the_largest_message_of_a_worker_arrives(self):
        with self.client.batches("street", width=2300, height=2300) as batches:
            batch = next(batches)
        self.assertEqual((batch.tensor.shape, batch.tensor.nbytes), ((1, 3, 2300, 2300), 63_480_000))

    def test_what_can_not_fit(self):
        def refusal(client, **form):
            with self.assertRaises(frameport.FrameTooLarge) as caught:
                next(client.batches(**form))
            return str(caught.exception)

        text = refusal(self.client, width=640, height=640, max_batch_size=16)
        self.assertRegex(text, "batch of 16 tensors of 4915200 bytes .*smaller max_batch_size")
        self.assertNotIn("Client(", text)
        self.assertIn("a batch of 1 tensors", refusal(self.client, width=8192, height=8192))
        with Client(harness.address(), max_message_bytes=100_000) as small:
            self.assertIn("Client(max_message_bytes=", refusal(small, width=640, height=640))
            with small.batches("street", width=64, height=64) as batches:
                self.assertEqual(next(batches).tensor.shape, (1, 3, 64, 64))

    def test_no_camera_is_not_all_cameras(self):
        for empty in ([], ()):
            with self.assertRaisesRegex(ValueError, "leave it out for all"):
                self.client.batches(empty, width=4, height=4)
            with self.assertRaisesRegex(ValueError, "leave it out for all"):
                self.client.watch(empty)

    def test_wrong_arguments(self):
        for reason, form in (
            ("INVALID_TENSOR", {"dtype": "float64"}),
            ("INVALID_TENSOR", {"dtype": "quarter"}),
            ("INVALID_TENSOR", {"layout": "chw"}),
            ("INVALID_TENSOR", {"fit": "contain"}),
            ("INVALID_TENSOR", {"channel_order": "grb"}),
            ("INVALID_TENSOR", {"width": 0}),
            ("INVALID_TENSOR", {"width": -1}),
            ("INVALID_TENSOR", {"width": 20000, "height": 20000}),
            ("INVALID_TENSOR", {"mean": float("nan")}),
            ("INVALID_TENSOR", {"mean": (0, 0)}),
            ("INVALID_TENSOR", {"std": (1, 0, 1)}),
            ("INVALID_TENSOR", {"scale": 0}),
            ("INVALID_TENSOR", {"pad_value": 256}),
            ("INVALID_BATCH", {"max_batch_size": 0}),
            ("INVALID_BATCH", {"max_batch_size": -1}),
            ("INVALID_BATCH", {"max_batch_size": 257}),
            ("INVALID_BATCH", {"max_wait": -0.1}),
            ("INVALID_BATCH", {"max_wait": 10.1}),
            ("INVALID_LABEL_SELECTOR", {"labels": "=,"}),
        ):
            with self.subTest(**form), self.assertRaises(frameport.InvalidRequest) as caught:
                next(self.client.batches(**{"width": 32, "height": 32, **form}))
            self.assertEqual(caught.exception.reason, reason, form)
            self.assertTrue(caught.exception.field_violations)

    def test_cameras_that_are_gone(self):
        with self.assertRaises(frameport.CameraNotFound):
            next(self.client.batches(["street", "nosuch"], width=32, height=32))
        self.client.add_camera("going-batches", harness.url())
        stream = self.client.batches("going-batches", width=32, height=32)
        next(stream)
        self.client.remove_camera("going-batches")
        with self.assertRaises(frameport.CameraRemoved):
            list(stream)

    def test_a_loop_that_is_left_ends_the_stream(self):
        self.add("left-batches")
        threads = threading.active_count()
        for _ in self.client.batches("left-batches", width=32, height=32):
            self.assertEqual(self.readers("left-batches"), 1)
            break
        gc.collect()
        until(lambda: self.readers("left-batches") == 0, "the end of the stream")
        until(lambda: threading.active_count() <= threads, "the end of gRPC's thread for requests")

    def test_shared_memory(self):
        with self.client.batches("street", width=64, height=64, delivery="shared_memory") as batches:
            first = next(batches)
            seen = first.tensor.copy()
            self.assertEqual((first.tensor.shape, first.tensor.flags.writeable), ((1, 3, 64, 64), False))
            self.assertGreater(first.expire_time_ns, first.sent_time_ns)
            self.assertGreater(seen.max(), seen.min(), "there is no picture")
            until(lambda: self.newest("street") > first.entries[0].position, "another frame")
            np.testing.assert_array_equal(first.tensor, seen, "it was written to before it was given back")
            entries = [first.entries[0], *(next(batches).entries[0] for _ in range(5))]
            again = next(batches)
            self.assertTrue(np.shares_memory(first.tensor, again.tensor), "one slot is enough")
        positions = [e.position for e in entries]
        self.assertEqual(positions, sorted(set(positions)))
        self.assertEqual(again.tensor.shape, (1, 3, 64, 64), "the memory stays while an array refers to it")
        self.assertIsInstance(float(again.tensor.sum()), float)
        # Larger than any message, and the same picture as in one.
        with self.client.batches("street", width=2400, height=2400, max_batch_size=1, delivery="shared_memory") as large:
            self.assertEqual(next(large).tensor.nbytes, 69_120_000)

    def test_both_deliveries_show_the_same_picture(self):
        self.add("still-shared", harness.url("street"), decode="keyframes", max_fps=0.1)

        def attempt():
            rows = []
            for delivery in ("inline", "shared_memory"):
                with self.client.batches("still-shared", width=320, height=180, delivery=delivery) as batches:
                    batch = next(batches)
                    rows.append((batch.entries[0].position, batch.tensor.copy()))
            return rows if rows[0][0] == rows[1][0] else None

        rows = until(attempt, "one frame in both")
        np.testing.assert_array_equal(rows[0][1], rows[1][1])

    def test_shared_memory_that_can_not_be_had(self):
        with self.assertRaises(frameport.InvalidRequest) as wrong:
            self.client.batches("street", width=32, height=32, delivery="carrier pigeon")
        self.assertEqual(wrong.exception.reason, "INVALID_DELIVERY")
        with self.assertRaises((frameport.NotPossible, frameport.NotImplementedByWorker)):
            next(self.client.batches("street", width=32, height=32, delivery="cuda_ipc"))
        with self.assertRaises(frameport.FrameTooLarge) as large:
            next(self.client.batches("street", width=8192, height=8192, delivery="shared_memory"))
        self.assertIn("--shm-limit", str(large.exception))
        with mock.patch("builtins.open", side_effect=PermissionError(13, "not yours")):
            stream = self.client.batches("street", width=32, height=32, delivery="shared_memory")
            with self.assertRaises(frameport.NotPossible) as refused:
                next(stream)
        self.assertRegex(str(refused.exception), "not yours.*/frameport-.*inline")
        self.assertEqual(list(stream), [], "the stream is closed")

    def test_close_ends_a_loop_that_waits(self):
        self.add("mute-batches", "rtsp://127.0.0.1:1025/none")
        stream = self.client.batches("mute-batches", width=32, height=32)
        ended = queue.SimpleQueue()
        thread = threading.Thread(target=lambda: ended.put(list(stream)))
        thread.start()
        until(lambda: self.readers("mute-batches") == 1, "the stream")
        stream.close()
        self.assertEqual(ended.get(timeout=harness.PATIENCE), [])
        thread.join()

    def test_it_is_an_iterator(self):
        with self.client.batches(["street", "parking"], width=32, height=32) as batches:
            self.assertEqual([b.number for b in islice(batches, 3)], [1, 2, 3])


if __name__ == "__main__":
    unittest.main()
