import unittest

from gpupeers import sof, stats


def row(stage, streams, nvml, cuda):
    return {"stage": stage, "streams": streams, "nvml_mib": nvml, "cuda_mib": cuda}


class Percentile(unittest.TestCase):
    def test_is_one_of_the_values(self):
        values = [5.0, 1.0, 4.0, 2.0, 3.0]
        for percent, want in ((0, 1.0), (20, 1.0), (50, 3.0), (95, 5.0), (100, 5.0)):
            self.assertEqual(stats.percentile(values, percent), want, percent)

    def test_of_nothing_is_an_error(self):
        with self.assertRaises(ValueError):
            stats.percentile([], 50)


class Memory(unittest.TestCase):
    rows = [
        row("nothing", 0, 100.0, None),
        row("context", 0, 300.0, 290.0),
        row("ready", 0, 316.0, 300.0),
        row("streams", 1, 416.0, 400.0),
        row("streams", 2, 476.0, 461.0),
        row("streams", 4, 596.0, 583.0),
    ]

    def test_separates_fixed_first_and_marginal(self):
        out = stats.memory(self.rows)
        self.assertEqual(
            out,
            {
                "gauge": "nvml_mib",
                "fixed_mib": 216.0,
                "first_mib": 100.0,
                "marginal_mib": 60.0,
                "step_mib": {"1": 100.0, "2": 60.0, "4": 60.0},
            },
        )

    def test_does_without_nvml(self):
        out = stats.memory([{**r, "nvml_mib": None} for r in self.rows])
        self.assertEqual((out["gauge"], out["fixed_mib"], out["marginal_mib"]), ("cuda_mib", None, 61.0))

    def test_invents_nothing(self):
        out = stats.memory(self.rows[:2])
        self.assertEqual([out[k] for k in ("fixed_mib", "first_mib", "marginal_mib")], [None] * 3)
        out = stats.memory(self.rows[:4])
        self.assertEqual((out["first_mib"], out["marginal_mib"]), (100.0, None))


class Subsampling(unittest.TestCase):
    def jpeg(self, *factors):
        parts = b"".join(bytes([i + 1, f, 0]) for i, f in enumerate(factors))
        frame = bytes([8, 2, 208, 5, 0, len(factors)]) + parts
        app = b"\xff\xe0\x00\x04ab"
        return b"\xff\xd8" + app + b"\xff\xc0" + (len(frame) + 2).to_bytes(2, "big") + frame + b"\xff\xda"

    def test_names(self):
        for factors, want in (
            ((0x22, 0x11, 0x11), "4:2:0"),
            ((0x21, 0x11, 0x11), "4:2:2"),
            ((0x11, 0x11, 0x11), "4:4:4"),
            ((0x22, 0x22, 0x22), "4:4:4"),
            ((0x11,), "grey"),
        ):
            self.assertEqual(sof.subsampling(self.jpeg(*factors)), want)

    def test_refuses_what_is_no_jpeg(self):
        for data in (b"", b"\x89PNG", b"\xff\xd8", b"\xff\xd8\xff\xda\x00\x02"):
            with self.assertRaises(ValueError):
                sof.subsampling(data)
