import itertools
import tempfile
import types
import unittest
from pathlib import Path
from unittest import mock

from gpupeers import decode, driver, jpeg, vram
from gpupeers.video import Stream

JPEG = b"\xff\xd8\xff\xc0\x00\x11\x08\x02\xd0\x05\x00\x03\x01\x22\x00\x02\x11\x00\x03\x11\x00"


class Library:
    """PyNvVideoCodec as far as it is used: three pictures in a clip, then its end."""

    OutputColorType = types.SimpleNamespace(RGB="rgb", NATIVE="native")

    def __init__(self, memory=None, sizes=(9, 8, 7, 0)):
        self.memory, self.sizes, self.opened = memory, sizes, []

    def CreateDemuxer(self, filename):
        self.opened.append(filename)
        packets = [types.SimpleNamespace(bsl=size) for size in self.sizes]

        class Demuxer:
            GetNvCodecId = staticmethod(lambda: "h264")
            __iter__ = staticmethod(lambda: iter(packets))

        return Demuxer()

    def CreateDecoder(self, **settings):
        if self.memory is not None:
            self.memory.take(20)
        return types.SimpleNamespace(settings=settings, Decode=lambda packet: [packet.bsl])


class Card:
    """A card of a stated size, in place of driver.Cuda and driver.Gauge."""

    def __init__(self, size):
        self.left, self.size = size, size

    def take(self, mib):
        if mib > self.left:
            raise MemoryError("the card is full")
        self.left -= mib

    def retain(self):
        self.take(200)
        return 1

    def read(self, context=True):
        used = float(self.size - self.left)
        return {"nvml_mib": used, "cuda_mib": used if context else None}


class Streams(unittest.TestCase):
    def test_begin_again_and_skip_the_mark_of_the_end(self):
        library = Library()
        frames = list(itertools.islice(Stream(library, "clip", 1).frames(), 7))
        self.assertEqual(frames, [9, 8, 7, 9, 8, 7, 9])
        self.assertEqual(len(library.opened), 3)

    def test_a_clip_without_pictures_is_an_error_and_no_endless_loop(self):
        with self.assertRaisesRegex(RuntimeError, "no frame"):
            next(Stream(Library(sizes=(0,)), "clip", 1).frames())


class Vram(unittest.TestCase):
    def measure(self, size, worker=False, missing=()):
        card, reports = Card(size), []

        def load(name):
            if name in missing:
                raise ModuleNotFoundError(f"No module named '{name}'")
            return Library(card)

        with mock.patch.object(driver, "Cuda", return_value=card), mock.patch.object(driver, "gauge", return_value=card):
            with mock.patch("importlib.import_module", load):
                try:
                    vram.run(Path("clip"), worker, None, lambda result: reports.append(result))
                    error = None
                except (MemoryError, ModuleNotFoundError) as err:
                    error = err
        return reports[-1]["rows"], error

    def test_measures_every_step(self):
        rows, error = self.measure(10_000)
        self.assertIsNone(error)
        self.assertEqual([(r["stage"], r["streams"]) for r in rows[:3]], [("nothing", 0), ("context", 0), ("ready", 0)])
        self.assertEqual([r["streams"] for r in rows[3:]], [1, 2, 4, 8, 16])
        self.assertEqual(rows[-1]["nvml_mib"], 200 + 16 * 20)
        self.assertIsNone(rows[0]["cuda_mib"])

    def test_reports_the_steps_before_the_card_was_full(self):
        rows, error = self.measure(200 + 5 * 20)
        self.assertIsInstance(error, MemoryError)
        self.assertEqual([r["streams"] for r in rows[3:]], [1, 2, 4])

    def test_reports_what_came_before_a_missing_library(self):
        rows, error = self.measure(10_000, worker=True, missing=("torch",))
        self.assertIn("torch", str(error))
        self.assertEqual([r["stage"] for r in rows], ["nothing", "context"])


class Rate(unittest.TestCase):
    def test_counts_all_streams_and_not_the_warm_up(self):
        opened = []

        def stream():
            opened.append(1)
            yield from itertools.repeat(0)

        self.assertGreater(decode.rate(4, stream, 0.5), 0)
        self.assertEqual(len(opened), 4)

    def test_one_stream_that_fails_fails_it_and_nobody_waits_for_ever(self):
        numbers = itertools.count()

        def stream():
            if next(numbers) == 1:
                raise MemoryError("the card is full")
            return itertools.repeat(0)

        with self.assertRaises(MemoryError):
            decode.rate(3, stream, 60)


class Jpeg(unittest.TestCase):
    def test_time_is_per_picture(self):
        ticks = itertools.count()
        rows = jpeg.measure(lambda count: [JPEG] * count, clock=lambda: next(ticks) * 0.008)
        self.assertEqual([(r["batch"], r["p50_ms"], r["p95_ms"]) for r in rows], [(1, 8.0, 8.0), (4, 2.0, 2.0)])
        self.assertEqual((rows[0]["bytes"], rows[0]["subsampling"]), (len(JPEG), "4:2:0"))

    def test_an_encoder_that_declines_is_an_error(self):
        codec = mock.MagicMock()
        codec.Encoder.return_value.encode.return_value = [None]
        with mock.patch("importlib.import_module", return_value=codec):
            with self.assertRaisesRegex(RuntimeError, "libnvjpeg"):
                jpeg.nvimagecodec(mock.Mock(), b"")(1)

    def test_a_picture_of_another_size_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "720p.rgb")
            file.write_bytes(b"short")
            with self.assertRaisesRegex(ValueError, "1280x720"):
                jpeg.run("torchvision", file, print)
