import ctypes
import os
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

import slim
from gpupeers import driver, stack

WHEELS = [
    "pynvvideocodec-2.2.4-cp310-cp310-manylinux_2_28_x86_64.whl",
    "pynvvideocodec-2.2.4-cp312-cp312-manylinux_2_28_x86_64.whl",
    "nvidia_nvimgcodec_cu12-0.9.0.20-py3-none-manylinux_2_28_x86_64.whl",
    "nvidia_nvimgcodec_cu13-0.9.0.20-py3-none-manylinux_2_28_x86_64.whl",
    "nvidia_nvjpeg-13.3.2.43-py3-none-manylinux2014_x86_64.whl",
    "nvidia_nvjpeg_cu12-12.4.0.76-py3-none-manylinux2014_x86_64.whl",
]


class Choose(unittest.TestCase):
    def test_by_python_and_driver(self):
        for python, cuda, want in (
            ((3, 12), 13000, [3, 4, 1]),
            ((3, 12), 12080, [2, 5, 1]),
            ((3, 10), 12080, [2, 5, 0]),
            ((3, 13), 13000, [3, 4]),
        ):
            self.assertEqual(stack.choose(WHEELS, python, cuda), [WHEELS[i] for i in want])

    def test_says_which_python_has_no_wheel(self):
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(RuntimeError, "no PyNvVideoCodec for Python 3"):
                stack.install(Path(folder), Path(folder), 13000)


class Slim(unittest.TestCase):
    def test_drops_ballast_and_its_records(self):
        kept = ["PyNvVideoCodec/__init__.py", "PyNvVideoCodec/libavutil.so.61", "nvidia/nvimgcodec/extensions/libnvjpeg_ext.so.0"]
        kept += ["nvidia/nvimgcodec/nvimgcodec_impl.cpython-313-x86_64-linux-gnu.so", "pynvvideocodec./libcudart.so.12", "nvidia/cu13/lib/libnvjpeg.so.13"]
        gone = ["PyNvVideoCodec/libavutil.so", "PyNvVideoCodec/libavutil.so.61.1.101", "samples/a.py", "x-1.data/data/ffmpeg.tar.xz"]
        gone += ["nvidia/nvimgcodec/nvimgcodec_impl.cpython-313t-x86_64-linux-gnu.so", "nvidia/nvimgcodec/extensions/libopencv_ext.so.0"]
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "a.whl"), Path(folder, "b.whl")
            with zipfile.ZipFile(source, "w") as wheel:
                for name in kept + gone:
                    wheel.writestr(name, name)
                wheel.writestr("x-1.dist-info/RECORD", "".join(f"{name},sha256=0,1\n" for name in kept + gone))
            slim.slim(source, target)
            with zipfile.ZipFile(target) as wheel:
                self.assertEqual(wheel.namelist(), kept + ["x-1.dist-info/RECORD"])
                self.assertEqual(wheel.read(kept[0]).decode(), kept[0])
                records = wheel.read("x-1.dist-info/RECORD").decode().splitlines()
            self.assertEqual([line.split(",")[0] for line in records], kept)


class Driver(unittest.TestCase):
    def test_a_missing_library_is_an_error_with_its_name(self):
        with self.assertRaisesRegex(driver.DriverError, "libnothere.so.9"):
            driver.load("libnothere.so.9")

    def test_a_refused_call_is_an_error_with_its_code(self):
        library = mock.Mock()
        library.cuInit.return_value = 803
        with self.assertRaisesRegex(driver.DriverError, "cuInit returned CUDA error 803"):
            driver.Cuda(library)

    def test_machine_reports_what_it_cannot_read(self):
        with mock.patch.object(driver, "load", side_effect=driver.DriverError("no such library")):
            machine = stack.machine()
        self.assertIsNone(machine["gpu"])
        self.assertEqual((machine["cuda_error"], machine["nvml_error"]), ("no such library", "no such library"))

    def test_on_the_simulated_driver(self):
        folder = Path(os.environ.get("FRAMEPORT_GPUSIM_DIR") or Path(__file__).parents[3] / "build" / "gpusim")
        if not (folder / "libcuda.so.1").exists():
            self.skipTest("no simulated driver: make gpusim")
        cuda = driver.Cuda(ctypes.CDLL(str(folder / "libcuda.so.1")))
        nvml = driver.Nvml(ctypes.CDLL(str(folder / "libnvidia-ml.so.1")))
        gauge = driver.Gauge(cuda, nvml)
        self.assertIsNone(gauge.read(context=False)["cuda_mib"])
        self.assertNotEqual(cuda.retain(), 0)
        try:
            self.assertGreater(gauge.read()["cuda_mib"], 0)
            self.assertGreaterEqual(cuda.version(), 11000)
            self.assertIn("GPU", nvml.device_name())
        finally:
            cuda.release()
