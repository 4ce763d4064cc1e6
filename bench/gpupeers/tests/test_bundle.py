import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]


class RunScript(unittest.TestCase):
    """run.sh in a bundle with neither wheels nor clips, so that no part can work."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.bundle, self.out, self.temporary = (Path(folder.name, name) for name in ("bundle", "out", "tmp"))
        (self.bundle / "wheels").mkdir(parents=True)
        self.temporary.mkdir()
        shutil.copytree(HERE / "gpupeers", self.bundle / "gpupeers", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(HERE / "run.sh", self.bundle)

    def run_script(self, **environment):
        environment = {**os.environ, "TMPDIR": str(self.temporary), **environment}
        command = [shutil.which("bash"), str(self.bundle / "run.sh"), str(self.out)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads((self.out / "gpu-peers.json").read_text()), (self.out / "gpu-peers.txt").read_text()

    @unittest.skipUnless((3, 10) <= sys.version_info[:2] <= (3, 13), "the stack has no wheels for this Python")
    def test_completes_and_says_what_it_lacks(self):
        doc, text = self.run_script(PYTHON=sys.executable)
        self.assertEqual(doc["schema"], 1)
        self.assertEqual(len(doc["parts"]), 11)
        for part in doc["parts"]:
            self.assertEqual(part["state"], "failed", part["name"])
            self.assertTrue(part["reason"], part["name"])
        self.assertIn("no PyNvVideoCodec", doc["machine"]["wheels_error"])
        self.assertIn("0 of 11 parts are complete", text)
        self.assertEqual(list(self.temporary.iterdir()), [])
        self.assertEqual(list(self.bundle.rglob("__pycache__")), [])

    def test_completes_without_python(self):
        tools = self.temporary / "bin"
        tools.mkdir()
        for name in ("dirname", "mkdir", "tee"):
            (tools / name).symlink_to(shutil.which(name))
        doc, text = self.run_script(PATH=str(tools), PYTHON="no-such-python")
        self.assertEqual(doc["parts"], [])
        self.assertIn("no CPython", doc["machine"]["python_error"])
        self.assertIn("no CPython", text)
