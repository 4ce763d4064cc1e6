import json
import os
import tempfile
import time
import unittest
from pathlib import Path

from gpupeers import parts, report


def script(text):
    """A part's command: sh, with the result's file as $2."""
    return ["sh", "-c", text, "part"]


def alive(pid):
    """Whether a process runs: neither gone, nor dead and not yet collected."""
    try:
        return Path("/proc", pid, "stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Run(unittest.TestCase):
    def run_part(self, text, limit=60.0):
        return parts.run(parts.Part("vram/x", (), 60), os.environ, limit, script(text))

    def test_keeps_the_result(self):
        out = self.run_part("echo '{\"rows\": []}' >\"$2\"")
        self.assertEqual((out["state"], out["reason"], out["result"]), ("ok", "", {"rows": []}))

    def test_reports_the_last_line_of_a_failure(self):
        out = self.run_part("echo Traceback >&2; echo \"ModuleNotFoundError: No module named 'torch'\" >&2; exit 1")
        self.assertEqual((out["state"], out["reason"]), ("failed", "ModuleNotFoundError: No module named 'torch'"))

    def test_keeps_what_was_measured_before_a_crash(self):
        out = self.run_part("echo '{\"rows\": [1]}' >\"$2\"; kill -SEGV $$")
        self.assertEqual((out["state"], out["result"]), ("failed", {"rows": [1]}))
        self.assertIn("SIGSEGV", out["reason"])

    def test_ends_a_part_that_hangs_with_its_children(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "pid")
            out = self.run_part(f"sleep 600 & echo $! >'{file}'; wait", limit=3.0)
            self.assertEqual((out["state"], out["reason"]), ("failed", "not done after 3 s"))
            # A signal takes a moment to arrive.
            deadline = time.monotonic() + 30
            while alive(file.read_text().strip()):
                self.assertLess(time.monotonic(), deadline, "the child goes on")
                time.sleep(0.01)

    def test_silence_is_no_success(self):
        self.assertEqual(self.run_part("exit 0")["state"], "failed")

    def test_does_not_start_without_time(self):
        out = self.run_part("echo '{}' >\"$2\"", limit=0.5)
        self.assertEqual((out["state"], out["reason"], out["result"]), ("failed", "no time was left", None))


class Plan(unittest.TestCase):
    def test_names_are_distinct_and_cover_clips_and_libraries(self):
        names = [part.name for part in parts.plan(Path("/nowhere"))]
        self.assertEqual(len(set(names)), len(names))
        for name in ("worker/720p-h264", "vram/1080p-hevc", "decode/720p-hevc", "jpeg/nvimagecodec", "jpeg/torchvision"):
            self.assertIn(name, names)


class Document(unittest.TestCase):
    def setUp(self):
        rows = [
            {"stage": "ready", "streams": 0, "nvml_mib": 10.0, "cuda_mib": 10.0},
            {"stage": "streams", "streams": 1, "nvml_mib": 40.0, "cuda_mib": 40.0},
        ]
        self.parts = [
            {"name": "vram/720p-h264", "state": "failed", "seconds": 2.0, "reason": "out of memory", "result": {"rows": rows}},
            {"name": "decode/720p-h264", "state": "ok", "seconds": 1.0, "reason": "", "result": {"rows": [{"streams": 4, "fps": 1234.5}]}},
            {"name": "jpeg/torchvision", "state": "failed", "seconds": 0.1, "reason": "no torch", "result": None},
            {
                "name": "jpeg/nvimagecodec", "state": "ok", "seconds": 1.0, "reason": "",
                "result": {"rows": [{"batch": 1, "p50_ms": 0.5, "p95_ms": 0.75, "bytes": 9, "subsampling": "4:2:0"}]},
            },
        ]  # fmt: skip
        self.doc = report.document("now", {"gpu": None}, {"torch": None, "numpy": "2.0"}, self.parts)

    def test_shape(self):
        doc = json.loads(json.dumps(self.doc))
        self.assertEqual(sorted(doc), ["machine", "parts", "schema", "versions", "when"])
        self.assertEqual([sorted(p) for p in doc["parts"]], [["name", "reason", "result", "seconds", "state"]] * 4)
        self.assertEqual(doc["parts"][0]["result"]["memory"]["first_mib"], 30.0)

    def test_leaves_its_input_alone(self):
        self.assertNotIn("memory", self.parts[0]["result"])

    def test_text_says_what_is_missing(self):
        text = report.text(self.doc)
        for part in (
            "gpu: not found", "torch: missing", "numpy: 2.0", "out of memory", "one more not measured",
            "1234.5 frames/s", "jpeg/torchvision: failed after 0.1 s: no torch", "p50 0.500 ms", "2 of 4 parts are complete",
        ):  # fmt: skip
            self.assertIn(part, text)
