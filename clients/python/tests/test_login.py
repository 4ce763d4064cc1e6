"""Tokens and TLS, with a real worker."""

import hashlib
import os
import subprocess
import tempfile
import unittest
from unittest import mock

import harness

import frameport
from frameport import Client, aio


class WithWorker(unittest.IsolatedAsyncioTestCase):
    """With a login, and a certificate that is its own authority."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="frameport-login-")
        self.addCleanup(folder.cleanup)
        self.certificate, key, auth = (os.path.join(folder.name, name) for name in ("cert.pem", "key.pem", "auth.yaml"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-keyout", key, "-out", self.certificate, "-subj", "/CN=worker", "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        self.token = "fpt_" + "x" * 43
        with open(auth, "w", encoding="ascii") as file:
            hashed = hashlib.sha256(self.token.encode()).hexdigest()
            file.write(f"tokens:\n  - {{name: viewer, hash: 'sha256:{hashed}', role: view}}\n")
        os.chmod(auth, 0o600)
        worker = harness.serve(
            "127.0.0.1:0", "cpu", f"--tls-cert={self.certificate}", f"--tls-key={key}", f"--auth-file={auth}"
        )
        self.addCleanup(worker.stop)
        self.address = worker.found["grpc"]

    def test_calls_and_streams(self):
        with Client(self.address, tls_ca=self.certificate, token=self.token) as client:
            self.assertEqual(client.cameras(), [])
            with client.watch_cameras() as events:
                self.assertEqual(next(events).type, "synced")
            for stream in (client.watch("nosuch"), client.batches("nosuch", width=4, height=4), client.share("nosuch")):
                with self.assertRaises(frameport.CameraNotFound):
                    next(stream)
            with self.assertRaises(frameport.NotAllowed) as caught:
                client.add_camera("door", "rtsp://192.0.2.7/door")
            self.assertEqual(caught.exception.reason, "PERMISSION_DENIED")
        with mock.patch.dict(os.environ, {"FRAMEPORT_TOKEN": self.token + "\n", "FRAMEPORT_TLS_CA": self.certificate}):
            with Client(self.address) as client:
                self.assertEqual(client.cameras(), [])

    def test_without_what_it_wants(self):
        for token, reason in ((None, "TOKEN_REQUIRED"), ("fpt_wrong", "TOKEN_INVALID")):
            with Client(self.address, tls_ca=self.certificate, token=token) as client:
                with self.assertRaises(frameport.NotAllowed) as caught:
                    client.cameras()
                self.assertEqual(caught.exception.reason, reason)
                self.assertNotIn("fpt_wrong", str(caught.exception))
                self.assertEqual("Client(token=)" in str(caught.exception), token is None)
        for tls_ca in (None, "system"):
            with Client(self.address, tls_ca=tls_ca, token=self.token) as client:
                with self.assertRaises(frameport.ConnectionFailed):
                    client.cameras()

    async def test_asyncio(self):
        async with aio.Client(self.address, tls_ca=self.certificate, token=self.token) as client:
            self.assertEqual(await client.cameras(), [])
            with self.assertRaises(frameport.CameraNotFound):
                await client.share("nosuch").__anext__()
            with self.assertRaises(frameport.CameraNotFound):
                await client.watch("nosuch").__anext__()


class Login(unittest.TestCase):
    def test_a_token_does_not_travel_in_plain_text(self):
        for address in ("worker.example.org:50051", "192.0.2.7:50051"):
            with self.assertRaisesRegex(ValueError, "not encrypted.*tls_ca") as caught:
                Client(address, token="secret")
            self.assertNotIn("secret", str(caught.exception))
        for address in ("127.0.0.1:50051", "[::1]:50051", "localhost:50051", "unix:/run/frameport.sock"):
            Client(address, token="secret").close()
        with mock.patch.dict(os.environ, {"FRAMEPORT_TOKEN": "secret"}), self.assertRaises(ValueError):
            Client("worker.example.org:50051")

    def test_files(self):
        with self.assertRaises(FileNotFoundError):
            Client(tls_ca="/nosuch.pem")
        with self.assertRaisesRegex(ValueError, "tls_ca"):
            Client(tls_client=("cert.pem", "key.pem"))


if __name__ == "__main__":
    unittest.main()
