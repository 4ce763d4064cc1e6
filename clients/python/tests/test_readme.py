"""The README does what it says: every Python block of it runs."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

import harness

README = harness.REPOSITORY / "clients/python/README.md"


class Readme(unittest.TestCase):
    def run_block(self, code, folder, address):
        environment = {**os.environ, "FRAMEPORT_ADDRESS": address, "PYTHONWARNINGS": "error::DeprecationWarning:__main__"}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env=environment, timeout=harness.PATIENCE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        )
        self.assertEqual(done.returncode, 0, f"{code}\n{done.stdout}{done.stderr}")
        return done.stdout

    def test_every_example_runs(self):
        blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        expected = [  # of the output of each
            [r"\(720, 1280, 3\) uint8 \d{4}-\d\d-\d\d [0-9:.]+\+00:00"],
            [r"True \(100, 200, 3\) \[[0-9. ]+\]"],
            [r"street 1/\d+ \(360, 640, 3\) age -?\d+ ms, skipped \d+", r"parking 1/\d+ \(360, 640, 3\)"],
            [r"current door connecting|added door|current door running", r"door running", r"\[\('door', 1280, None\)\]"],
            [r"parking \(1080, 1920\) mean", r"street \(720, 1280\) mean", "CAMERA_NOT_FOUND - no camera"],
            [r"(i420 \(720, 1280\) \(360, 640\) mean \d+\.\d, age -?\d+\.\d ms\n){3}\(720, 1280, 3\) True"],
            [
                r"\([12], 3, 640, 640\) float32",
                r"street \(320\.0, 200\.0, 640\.0, 520\.0\) -?[0-9.]+ ms old, give or take [0-9.]+"
                r"|parking \(480\.0, 300\.0, 960\.0, 780\.0\) ",
            ],
        ]
        self.assertEqual(len(blocks), len(expected))
        with tempfile.TemporaryDirectory() as folder:
            for code, patterns in zip(blocks, expected):
                # The first one names the worker's default address.
                out = self.run_block(code.replace('"127.0.0.1:50051"', repr(harness.address())), folder, harness.address())
                for pattern in patterns:
                    self.assertRegex(out, pattern, code)
            with open(os.path.join(folder, "street.jpg"), "rb") as picture:
                self.assertEqual(picture.read(2), b"\xff\xd8")

    def test_five_lines_are_five(self):
        first = README.read_text(encoding="utf-8").split("```python\n", 1)[1].split("```", 1)[0]
        self.assertLessEqual(len(first.splitlines()), 5)


if __name__ == "__main__":
    unittest.main()
