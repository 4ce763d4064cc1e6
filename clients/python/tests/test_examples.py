"""The example programs run as they are, against a real worker."""

import contextlib
import importlib.util
import io
import os
import re
import runpy
import signal
import subprocess
import sys
import tempfile
import unittest
from types import SimpleNamespace
from unittest import mock

import harness
import numpy as np

import frameport

EXAMPLES = harness.REPOSITORY / "clients/python/examples"


def load(name):
    """Returns an example as a module."""
    module = importlib.util.module_from_spec(importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py"))
    module.__spec__.loader.exec_module(module)
    return module


def environment(**more):
    hidden = ("DISPLAY", "WAYLAND_DISPLAY")
    variables = {k: v for k, v in os.environ.items() if k not in hidden}
    return {**variables, **(more if "FRAMEPORT_ADDRESS" in more else {"FRAMEPORT_ADDRESS": harness.address(), **more})}


def run(name, *arguments, **variables):
    return subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments], env=environment(**variables),
        timeout=harness.PATIENCE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )


def on_gpu():
    """Returns the environment of a worker on the simulated GPU."""
    return {"FRAMEPORT_ADDRESS": harness.gpu().found["grpc"], "LD_LIBRARY_PATH": harness.GPUSIM}


def without(module, name, *arguments):
    """Runs an example where a module is not installed; returns why it ended."""
    with mock.patch.dict(sys.modules, {module: None}), mock.patch.object(sys, "argv", [name, *arguments]):
        try:
            runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        except SystemExit as end:
            return str(end)
    raise AssertionError(f"{name} ran without {module}")


class Everywhere(unittest.TestCase):
    def test_errors_are_one_line(self):
        done = run("motion", "nosuch")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r'^no camera .*nosuch.*\[CAMERA_NOT_FOUND\]\n$')

    def test_help(self):
        for path in sorted(EXAMPLES.glob("*.py")):
            done = run(path.stem, "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""), path)
            self.assertIn("usage:", done.stdout)


class Motion(unittest.TestCase):
    line = r"\d\d:\d\d:\d\d\.\d{6} (?P<camera>\w+) [0-9.]+% in \d+,\d+ to \d+,\d+ of \d+x\d+\n"

    def test_it_sees_the_cameras_move(self):
        with subprocess.Popen(
            [sys.executable, str(EXAMPLES / "motion.py")], env=environment(), encoding="utf-8",
            stdout=subprocess.PIPE,
        ) as program:
            seen = set()
            for line in program.stdout:
                found = re.fullmatch(self.line, line)
                self.assertTrue(found, line)
                seen.add(found["camera"])
                if {"street", "parking", "entrance", "workshop"} <= seen:
                    break
            else:
                self.fail(f"it ended, having seen {seen}")
            program.send_signal(signal.SIGINT)
            try:
                program.communicate(timeout=harness.PATIENCE)
            finally:
                program.kill()
            self.assertEqual(program.returncode, 0)

    def test_it_ends_after_so_many_batches(self):
        done = run("motion", "street", "--batches=3", "--threshold=0")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLessEqual(len(done.stdout.splitlines()), 2, "there is nothing to compare the first with")

    def test_what_changed(self):
        motion = load("motion")
        entry = SimpleNamespace(camera="door", epoch=1)
        still = np.full((90, 160, 3), 100, np.uint8)
        moved = still.copy()
        moved[10:20, 40:80, 1] = 126
        look = motion.Motion(threshold=25).look
        self.assertIsNone(look(entry, still))
        self.assertFalse(look(entry, still).any())
        mask = look(entry, moved)
        self.assertEqual((mask.sum(), motion.box(mask)), (400, (40, 10, 80, 20)))
        self.assertFalse(look(entry, moved).any(), "the background learns")
        self.assertIsNone(look(SimpleNamespace(camera="door", epoch=2), still), "another epoch, another background")


class Share(unittest.TestCase):
    line = (
        r"(\d\d:\d\d:\d\d\.\d{6} street \d+/\d+ (i420|nv12) brightness \d+\.\d, sharpness \d+\.\d\d, age -?\d+\.\d ms\n)"
    )

    def test_it_looks_at_the_frames(self):
        done = run("share", "street", "--frames=5")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, f"^{self.line}{{5}}$")

    def test_of_a_gpu(self):
        done = run("share", "--frames=1", **on_gpu())
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, f"^{self.line}$")

    def test_what_it_sees(self):
        luma = np.zeros((8, 16), np.uint8)
        luma[:, 4:] = 40
        self.assertEqual(load("share").look(luma), (30, 40 / 3))


class CudaIpc(unittest.TestCase):
    def test_the_other_process(self):
        done = run("cuda_ipc", "street", "--frames=3", **on_gpu())
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(
            done.stdout,
            r"^<SharedFrame street 1/\d+ 1280x720 nv12 .*> on GPU-[0-9a-f-]{36}: numpy \(a copy\) \(720, 1280\), mean \d+\.\d\n"
            r"3 frames, 0 broken; hand-off to numpy \(a copy\) \d+ us \(median\)\n$",
        )

    def test_a_camera_that_is_not_on_a_gpu(self):
        done = run("cuda_ipc", "street")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("SHARING_UNAVAILABLE", done.stderr)


class Viewer(unittest.TestCase):
    @unittest.skipUnless(importlib.util.find_spec("cv2"), "OpenCV is not installed")
    def test_without_a_display_it_writes_a_picture(self):
        import cv2

        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "cameras.png")
            done = run("viewer", "street", "parking", "--frames=6", f"--output={path}")
            self.assertEqual((done.returncode, done.stdout), (0, f"{path}: parking, street\n"), done.stderr)
            picture = cv2.imread(path)
            done = run("viewer", "street", "--frames=1", f"--output={folder}/nowhere/x.png")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, "^.* could not be written: name a .png")
            done = run("viewer", "street", "--frames=1", f"--output={folder}/x.xyz")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, "(?m)^.*x.xyz could not be written: name a .png")
        self.assertEqual(picture.shape, (360, 1280, 3))
        for half in np.hsplit(picture, 2):
            self.assertGreater(half.std(), 10, "a picture is blank")

    def view(self, waited):
        """Runs the viewer with an OpenCV of answers, as if there were a display. waited: what
        waitKey returns, or the error of imshow. Returns the calls of it."""

        class Error(Exception):
            pass

        cv2 = mock.MagicMock(error=Error, **{"waitKey.side_effect": waited, "imwrite.return_value": True})
        if waited is Error.__name__:
            cv2.imshow.side_effect = Error
        viewer = load("viewer")
        with mock.patch.dict(sys.modules, cv2=cv2), mock.patch.dict(os.environ, environment(DISPLAY=":0")), \
                mock.patch.object(sys, "argv", ["viewer", "street", "--frames=5"]), contextlib.redirect_stdout(io.StringIO()):
            viewer.main()
        return cv2

    def test_with_a_display_it_shows_windows_until_q(self):
        cv2 = self.view([255, 255, ord("q")])
        self.assertEqual((cv2.imshow.call_count, cv2.imwrite.call_count), (3, 0))
        self.assertEqual(cv2.imshow.call_args[0][1].shape, (360, 640, 3))
        cv2.destroyAllWindows.assert_called_once_with()
        self.assertEqual(self.view([255] * 5).imshow.call_count, 5)

    def test_an_opencv_without_windows_writes_a_picture(self):
        cv2 = self.view("Error")
        self.assertEqual((cv2.imshow.call_count, cv2.putText.call_count, cv2.imwrite.call_count), (1, 10, 1))

    @unittest.skipIf(sys.platform in ("darwin", "win32"), "there is always a display")
    def test_displays(self):
        viewer = load("viewer")
        for variables, has in (({}, False), ({"DISPLAY": ":0"}, True), ({"WAYLAND_DISPLAY": "wayland-0"}, True)):
            with mock.patch.dict(os.environ, variables, clear=True):
                self.assertEqual(viewer.has_display(), has, variables)

    def test_without_opencv_it_says_what_to_do(self):
        self.assertIn("pip install opencv-python", without("cv2", "viewer"))

    def test_mosaic(self):
        viewer = load("viewer")
        pictures = [np.full((2, 4, 3), i, np.uint8) for i in range(1, 6)]
        grid = viewer.mosaic(pictures)
        self.assertEqual(grid.shape, (4, 12, 3))
        self.assertEqual(grid[::2, ::4, 0].tolist(), [[1, 2, 3], [4, 5, 0]])
        np.testing.assert_array_equal(viewer.mosaic(pictures[:1]), pictures[0])


class FakeSession:
    """Stands for ONNX Runtime, with a model that finds the same two things in every picture,
    one of them twice. What a real model finds is not tested here."""

    def __init__(self, shape=("batch", 3, 320, 320), type="tensor(float)"):
        self.inputs = [SimpleNamespace(name="images", shape=list(shape), type=type)]
        self.seen = []

    def get_inputs(self):
        return self.inputs

    def get_modelmeta(self):
        return SimpleNamespace(custom_metadata_map={"names": "{0: 'person', 1: 'car'}"})

    def run(self, outputs, given):
        self.seen.append(given["images"])
        boxes = np.zeros((len(given["images"]), 4 + 3, 5), np.float32)
        boxes[:, :, 0] = [100, 160, 40, 20, 0, 0.8, 0]  # a car,
        boxes[:, :, 1] = [102, 160, 40, 20, 0, 0.9, 0]  # the same, better
        boxes[:, :, 2] = [100, 160, 40, 20, 0.7, 0, 0]  # a person in it
        boxes[:, :, 3] = [10, 10, 5, 5, 0.3, 0, 0]  # hardly
        boxes[:, :, 4] = [310, 240, 40, 40, 0, 0, 0.5]  # of a class without a name, over the edge
        return [boxes]


class Detect(unittest.TestCase):
    def setUp(self):
        self.detect = load("detect")

    def test_boxes_in_pixels_of_the_camera(self):
        session, out = FakeSession(), io.StringIO()
        with frameport.Client(harness.address()) as client, contextlib.redirect_stdout(out):
            self.detect.follow(client, self.detect.Detector(session), ["street"], count=2)
        self.assertEqual([(t.shape, t.dtype.name) for t in session.seen], [((1, 3, 320, 320), "float32")] * 2)
        self.assertTrue(0 <= session.seen[0].min() and 0.5 < session.seen[0].max() <= 1)
        np.testing.assert_allclose(session.seen[0][:, :, :70], 114 / 255, atol=1e-6)
        # 1280x720 lies in rows 70 to 250 of 320x320.
        found = [line.split(" ", 1)[1] for line in out.getvalue().splitlines()]
        self.assertEqual(found, [
            "street car 0.90 in 328,320 to 488,400",
            "street person 0.70 in 320,320 to 480,400",
            "street 2 0.50 in 1160,600 to 1280,720",
        ] * 2)

    def test_a_model_of_a_fixed_batch_size(self):
        session = FakeSession((4, 3, 32, 64), "tensor(float16)")
        detector = self.detect.Detector(session)
        self.assertEqual(detector.form(), {"width": 64, "height": 32, "dtype": "float16", "max_batch_size": 4})
        rows = np.ones((3, 3, 32, 64), np.float16)
        self.assertEqual(len(detector.detect(rows)), 3)
        self.assertEqual((session.seen[0].shape, session.seen[0].dtype), ((4, 3, 32, 64), np.float16))
        np.testing.assert_array_equal(session.seen[0][:3], rows)

    def test_models_of_other_kinds(self):
        for shape, kind in (((1, 320, 320, 3), "tensor(float)"), ((1, 3, 320, 320), "tensor(int8)")):
            with self.assertRaisesRegex(SystemExit, "this example knows"):
                self.detect.Detector(FakeSession(shape, kind))

    def test_nothing_found(self):
        detector = self.detect.Detector(FakeSession(), confidence=0.95)
        self.assertEqual(detector.detect(np.zeros((2, 3, 320, 320), np.float32)), [[], []])

    def test_without_a_model_or_onnx_runtime_it_says_what_to_do(self):
        done = run("detect")
        self.assertEqual(done.returncode, 1)
        self.assertIn("yolo export model=", done.stderr)
        self.assertIn("pip install onnxruntime", without("onnxruntime", "detect", "model.onnx"))

    def test_a_model_that_is_missing_or_broken(self):
        class Broken(Exception):
            pass

        session = mock.Mock(side_effect=Broken("protobuf parsing failed"))
        runtime = SimpleNamespace(InferenceSession=session, get_available_providers=list)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.onnx")
            with self.assertRaisesRegex(SystemExit, "can't be read: .*No such file.*model.onnx"):
                self.detect.load(runtime, path)
            with self.assertRaisesRegex(SystemExit, "can't be read: "):
                self.detect.load(runtime, folder)
            session.assert_not_called()
            with open(path, "w", encoding="utf-8"):
                pass
            with self.assertRaisesRegex(SystemExit, "parsing failed.*is it a whole ONNX file.*says how to get one"):
                self.detect.load(runtime, path)


if __name__ == "__main__":
    unittest.main()
