"""What pip installed: all files, the types, the needs, and one version."""

import importlib.metadata
import inspect
import pathlib
import re
import unittest

import harness

import frameport
import frameport.aio
import frameport.client

SOURCE = harness.REPOSITORY / "clients/python/frameport"


class Package(unittest.TestCase):
    def test_everything_is_installed(self):
        installed = pathlib.Path(frameport.__file__).parent
        self.assertNotEqual(installed, SOURCE, "run the tests through test.sh: they are of the installed package")

        def files(folder):
            found = (f for f in folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts)
            return {str(f.relative_to(folder)): f.read_bytes() for f in found}

        wanted = files(SOURCE)
        self.assertIn("py.typed", wanted)
        self.assertIn("_proto/v1/frame_pb2.pyi", {k.replace("\\", "/") for k in wanted})
        self.assertEqual(files(installed), wanted)

    def test_needs(self):
        about = importlib.metadata.metadata("frameport")
        self.assertEqual(about["Requires-Python"], ">=3.9")
        self.assertEqual(about["Version"], frameport.__version__)
        needs = [re.sub("[ ()]", "", need) for need in importlib.metadata.requires("frameport")]
        self.assertEqual(sorted(needs), ["grpcio>=1.51", "numpy>=1.21", "protobuf>=4.21"])

    def test_names(self):
        for name in frameport.__all__:
            self.assertTrue(getattr(frameport, name).__doc__, name)

    def test_both_clients_have_the_same_calls(self):
        def calls(cls):
            return {n for n in vars(cls) if not n.startswith("_")}

        self.assertEqual(calls(frameport.client.Client), calls(frameport.aio.Client))
        for name in calls(frameport.Client):
            parameters = [
                [(p.name, p.kind, p.default) for p in inspect.signature(getattr(c, name)).parameters.values()]
                for c in (frameport.Client, frameport.aio.Client)
            ]
            self.assertEqual(*parameters, name)



if __name__ == "__main__":
    unittest.main()
