"""Frames from messages: shapes, strides, copies, times."""

import pickle
import time
import unittest
from datetime import datetime, timezone

import numpy as np

from frameport import Clock
from frameport._proto.v1 import frame_pb2, media_pb2, output_pb2
from frameport.frame import from_message

BGR, NV12 = output_pb2.IMAGE_FORMAT_BGR24, output_pb2.IMAGE_FORMAT_NV12
RNG = np.random.default_rng(1)


def message(width, height, form, planes, data, **more):
    return frame_pb2.Frame(
        camera_id="door", epoch=2, sequence=7, width=width, height=height, format=form, data=data,
        planes=[frame_pb2.Plane(offset=o, stride=s, height=h) for o, s, h in planes], **more,
    )


def noise(rows, stride):
    return RNG.integers(0, 256, (rows, stride), np.uint8)


class Images(unittest.TestCase):
    def test_packed_pictures_are_views_with_offset_and_stride(self):
        stored = noise(3, 16)  # 4 pixels of 3 bytes, and 4 bytes more in every row
        frame = from_message(message(4, 3, BGR, [(5, 16, 3)], b"12345" + stored.tobytes()))
        self.assertEqual(frame.format, "bgr")
        np.testing.assert_array_equal(frame.image, stored[:, :12].reshape(3, 4, 3))
        self.assertFalse(frame.image.flags.owndata)
        self.assertFalse(frame.image.flags.writeable)
        self.assertIs(frame.planes[0], frame.image)

    def test_gray(self):
        stored = noise(3, 8)
        frame = from_message(message(5, 3, output_pb2.IMAGE_FORMAT_GRAY8, [(0, 8, 3)], stored.tobytes()))
        np.testing.assert_array_equal(frame.image, stored[:, :5])

    def test_nv12_is_one_array_without_a_copy(self):
        stored = noise(6, 8)
        frame = from_message(message(6, 4, NV12, [(0, 8, 4), (32, 8, 2)], stored.tobytes()))
        np.testing.assert_array_equal(frame.image, stored[:, :6])
        self.assertFalse(frame.image.flags.owndata)
        luma, chroma = frame.planes
        np.testing.assert_array_equal(luma, stored[:4, :6])
        np.testing.assert_array_equal(chroma, stored[4:, :6].reshape(2, 3, 2))

    def test_nv12_of_odd_size(self):
        y, uv = noise(3, 5), noise(2, 6)
        frame = from_message(message(5, 3, NV12, [(0, 5, 3), (15, 6, 2)], y.tobytes() + uv.tobytes()))
        self.assertEqual(frame.image.shape, (5, 6))
        np.testing.assert_array_equal(frame.image[:3, 5], y[:, 4])
        self.assertFalse(frame.image.flags.writeable)
        luma, chroma = frame.planes
        np.testing.assert_array_equal(luma, y)
        np.testing.assert_array_equal(chroma, uv.reshape(2, 3, 2))

    def test_nv12_with_planes_apart(self):
        y, uv = noise(2, 4), noise(1, 4)
        frame = from_message(message(4, 2, NV12, [(8, 4, 2), (0, 4, 1)], uv.tobytes() + b"gap!" + y.tobytes()))
        np.testing.assert_array_equal(frame.image, np.vstack([y, uv]))

    def test_jpeg_is_bytes(self):
        frame = from_message(message(5, 3, output_pb2.IMAGE_FORMAT_JPEG, [], b"\xff\xd8..."))
        self.assertEqual(frame.image, b"\xff\xd8...")
        self.assertEqual(frame.planes, ())


class Facts(unittest.TestCase):
    def frame(self, **more):
        m = message(1, 1, BGR, [(0, 3, 1)], b"abc", key_frame=True, **more)
        m.capture_time.FromNanoseconds(1_700_000_000_123_456_789)
        m.received_time.FromNanoseconds(1_700_000_000_200_000_000)
        m.sent_time.FromNanoseconds(1_700_000_000_250_000_000)
        m.pts.FromNanoseconds(40_000_000)
        return m

    def test_times(self):
        m = self.frame(capture_time_source=media_pb2.CAPTURE_TIME_SOURCE_RTCP)
        m.capture_time_error.FromMilliseconds(3)
        frame = from_message(m)
        self.assertEqual(frame.capture_time, datetime(2023, 11, 14, 22, 13, 20, 123456, timezone.utc))
        self.assertEqual(frame.capture_time_ns, 1_700_000_000_123_456_789)
        self.assertAlmostEqual(frame.capture_timestamp, 1_700_000_000.123457, places=6)
        self.assertEqual(frame.capture_time_source, "rtcp")
        self.assertEqual(frame.capture_time_error, 0.003)
        self.assertEqual(frame.worker_age, 0.05)
        self.assertEqual(frame.pts, 0.04)

    def test_an_unknown_error_bound_is_none(self):
        self.assertIsNone(from_message(self.frame()).capture_time_error)

    def test_age_takes_the_clock_into_account(self):
        frame = from_message(self.frame())
        ahead = Clock(offset=1000.0, error=0, round_trip=0)
        before = time.time()
        plain, corrected, captured = frame.age(), frame.age(ahead), frame.capture_age(ahead)
        spent = time.time() - before
        self.assertGreaterEqual(plain, before - 1_700_000_000.2 - 1e-3)
        self.assertLess(abs(corrected - plain - 1000), spent + 1e-3)
        self.assertLess(abs(captured - corrected - 0.0765432), spent + 1e-3)

    def test_what_was_skipped(self):
        m = self.frame()
        m.skipped.policy, m.skipped.slow_consumer, m.skipped.network, m.skipped.decode = 1, 2, 3, 4
        skipped = from_message(m).skipped
        self.assertEqual((skipped.policy, skipped.slow_consumer, skipped.network, skipped.decode), (1, 2, 3, 4))
        self.assertEqual(skipped.total, 10)

    def test_transform(self):
        m = self.frame()
        m.transform.scale_x, m.transform.scale_y, m.transform.offset_x, m.transform.offset_y = 2, 4, 10, -8
        self.assertEqual(from_message(m).transform.to_source(3, 5), (16, 12))

    def test_frames_travel_to_other_processes(self):
        frame = pickle.loads(pickle.dumps(from_message(self.frame())))
        self.assertEqual(frame.position, (2, 7))
        np.testing.assert_array_equal(frame.image, [[[97, 98, 99]]])


if __name__ == "__main__":
    unittest.main()
