"""What a user sees when something is wrong."""

import os
import pickle
import re
import socket
import unittest
from unittest import mock

import grpc
from google.protobuf.any_pb2 import Any
from harness import REPOSITORY, fake

import frameport
from frameport import Client, errors
from frameport._proto import errors_pb2
from frameport._proto.v1 import camera_pb2, camera_service_pb2, camera_service_pb2_grpc, worker_service_pb2_grpc

register = camera_service_pb2_grpc.add_CameraServiceServicer_to_server


def pack(message, name):
    return Any(type_url=f"type.googleapis.com/google.rpc.{name}", value=message.SerializeToString())


class Failing(camera_service_pb2_grpc.CameraServiceServicer):
    """Answers every call with an error."""

    def __init__(self, code, text="", details=(), trailer=None):
        status = errors_pb2.Status(code=code.value[0], message=text, details=details)
        self.trailer = status.SerializeToString() if trailer is None else trailer
        self.code, self.text = code, text

    def GetCamera(self, request, context):
        context.set_trailing_metadata([("grpc-status-details-bin", self.trailer)])
        context.abort(self.code, self.text)


class FromTheWire(unittest.TestCase):
    def error(self, *args, **kwargs):
        with fake(register, Failing(*args, **kwargs)) as address, Client(address) as client:
            with self.assertRaises(frameport.FrameportError) as caught:
                client.camera("door")
        return caught.exception

    def test_everything_that_the_worker_says_arrives(self):
        retry = errors_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(1500)
        bad = errors_pb2.BadRequest(field_violations=[{"field": "spec.url", "description": "is empty"}])
        info = errors_pb2.ErrorInfo(reason="NO_FRAME_YET", domain="frameport", metadata={"fault_class": "AUTH"})
        error = self.error(
            grpc.StatusCode.UNAVAILABLE, "not yet",
            [pack(bad, "BadRequest"), pack(info, "ErrorInfo"), pack(retry, "RetryInfo"), pack(info, "Unknown")],
        )
        self.assertIs(type(error), frameport.NoFrameYet)
        self.assertEqual((error.code, error.reason, error.message), ("UNAVAILABLE", "NO_FRAME_YET", "not yet"))
        self.assertEqual(error.metadata, {"fault_class": "AUTH"})
        self.assertEqual(error.field_violations, (frameport.FieldViolation("spec.url", "is empty"),))
        self.assertEqual(error.retry_delay, 1.5)
        self.assertEqual(str(error), "not yet [NO_FRAME_YET]")
        copy = pickle.loads(pickle.dumps(error))
        self.assertEqual((type(copy), str(copy), copy.__dict__), (type(error), str(error), error.__dict__))

    def test_why_there_is_no_connection(self):
        failed = "failed to connect to all addresses; last error: "
        for address, said, wanted in (
            ("unix:/run/f.sock", "connect failed: addr: unix:/run/f.sock error: Permission denied", "--grpc-socket-mode"),
            ("10.0.0.1:50051", "UNKNOWN: Tls handshake failed: CERTIFICATE_VERIFY_FAILED", "^no secure connection .* tls_ca"),
            ("10.0.0.1:50051", "UNAVAILABLE: ipv4:10.0.0.1:50051: Socket closed", "^what listens .* give tls_ca"),
            ("10.0.0.1:8080", "UNAVAILABLE: ipv4:10.0.0.1:8080: Failed parsing HTTP/2", "^what listens .* not that of HTTP"),
            ("10.0.0.1:50051", "UNKNOWN: Connection refused", "^no worker answers .* is it running"),
        ):
            text = self.unavailable(failed + said, address)
            self.assertRegex(text, wanted)
            self.assertNotEqual("Connection refused" in said, "tls_ca" in text or "grpc-socket-mode" in text)
        self.assertRegex(self.unavailable("Stream removed (Socket closed)", "10.0.0.1:50051"), "^no worker answers")

    def unavailable(self, said, address):
        error = mock.Mock(**{"code.return_value": grpc.StatusCode.UNAVAILABLE, "details.return_value": said})
        error.trailing_metadata.return_value = ()
        found = errors.translate(error, address)
        self.assertIs(type(found), frameport.ConnectionFailed)
        return str(found)

    def test_half_of_the_shared_memory_is_not_the_size_of_a_message(self):
        metadata = {"required_bytes": "1228800", "limit_bytes": "524288"}
        details = [pack(errors_pb2.ErrorInfo(reason="FRAME_TOO_LARGE", domain="frameport", metadata=metadata), "ErrorInfo")]
        for said, more in (("one stream may have 524288", False), ("the client takes 524288", True)):
            error = self.error(grpc.StatusCode.RESOURCE_EXHAUSTED, said, details)
            self.assertIs(type(error), frameport.FrameTooLarge)
            self.assertEqual("Client(max_message_bytes=" in str(error), more)

    def test_reasons_of_others_are_not_ours(self):
        info = errors_pb2.ErrorInfo(reason="CAMERA_NOT_FOUND", domain="example.com")
        error = self.error(grpc.StatusCode.NOT_FOUND, "x", [pack(info, "ErrorInfo")])
        self.assertEqual((type(error), error.reason), (frameport.FrameportError, ""))

    def test_broken_details(self):
        error = self.error(grpc.StatusCode.INVALID_ARGUMENT, "x", trailer=b"\xff\xff\xff")
        self.assertEqual((type(error), error.reason), (frameport.InvalidRequest, ""))

    def test_a_reason_that_is_newer_than_this_package(self):
        info = errors_pb2.ErrorInfo(reason="QUITE_NEW", domain="frameport")
        error = self.error(grpc.StatusCode.FAILED_PRECONDITION, "x", [pack(info, "ErrorInfo")])
        self.assertEqual((type(error), error.reason), (frameport.NotPossible, "QUITE_NEW"))

    def test_known_reasons_are_those_of_the_contract(self):
        source = (REPOSITORY / "api/apierr/reason.go").read_text(encoding="utf-8")
        known = set(re.findall(r'Reason = "([A-Z_]+)"', source))
        self.assertGreater(len(known), 30)
        self.assertLessEqual(set(errors._BY_REASON), known)

    def test_also_pythons_own_kinds(self):
        for ours, pythons in {
            frameport.ConnectionFailed: ConnectionError,
            frameport.InvalidRequest: ValueError,
            frameport.CameraNotFound: LookupError,
            frameport.WaitExpired: TimeoutError,
            frameport.CallTimeout: TimeoutError,
        }.items():
            self.assertTrue(issubclass(ours, pythons), ours)


class Connections(unittest.TestCase):
    def test_refused(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % unused.getsockname()[1]
            with Client(address) as client, self.assertRaises(frameport.ConnectionFailed) as caught:
                client.cameras()
        for part in (address, "frameport serve", "refused"):
            self.assertIn(part, str(caught.exception))

    def test_nobody_answers(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = "127.0.0.1:%d" % silent.getsockname()[1]
            with Client(address, timeout=0.2) as client, self.assertRaises(frameport.CallTimeout) as caught:
                client.cameras()
        self.assertIn(address, str(caught.exception))

    def test_something_else_listens(self):
        with fake(None) as address, Client(address) as client:
            with self.assertRaisesRegex(frameport.NotImplementedByWorker, "is it a Frameport worker"):
                client.worker()

    def test_closed(self):
        client = Client("127.0.0.1:1")
        client.close()
        client.close()
        for call in (client.cameras, lambda: client.latest("x"), lambda: next(client.watch()), lambda: next(client.watch_cameras())):
            with self.assertRaises(frameport.ClientClosed):
                call()

    def test_proxies_are_not_asked(self):
        class Worker(worker_service_pb2_grpc.WorkerServiceServicer):
            def GetWorker(self, request, context):
                context.abort(grpc.StatusCode.INTERNAL, "reached")

        with fake(worker_service_pb2_grpc.add_WorkerServiceServicer_to_server, Worker()) as address:
            with mock.patch.dict(os.environ, {"http_proxy": "http://127.0.0.1:1", "no_proxy": ""}):
                with Client(address) as client, self.assertRaisesRegex(frameport.WorkerFault, "reached"):
                    client.worker()

    def test_addresses(self):
        for wrong in ("nonsense", "http://127.0.0.1:8080", "127.0.0.1", ":50051", "host:", "unix:"):
            with self.assertRaisesRegex(ValueError, "give", msg=wrong):
                Client(wrong)
        with mock.patch.dict(os.environ, {"FRAMEPORT_ADDRESS": "worker:1"}):
            with Client() as client:
                self.assertEqual(client.address, "worker:1")
        with mock.patch.dict(os.environ):
            os.environ.pop("FRAMEPORT_ADDRESS", None)
            with Client() as client:
                self.assertEqual(client.address, "127.0.0.1:50051")
        for good in ("[::1]:50051", "unix:/run/frameport.sock"):
            Client(good).close()
        with self.assertRaisesRegex(ValueError, "max_message_bytes"):
            Client(max_message_bytes=0)


class Requests(unittest.TestCase):
    """What is asked for, seen from the other side."""

    def test_all_pages(self):
        class Cameras(camera_service_pb2_grpc.CameraServiceServicer):
            asked = []

            def ListCameras(self, request, context):
                self.asked.append((request.page_token, request.label_selector))
                number = len(self.asked)
                return camera_service_pb2.ListCamerasResponse(
                    cameras=[camera_pb2.Camera(camera_id=f"c{number}")], next_page_token="more" if number < 3 else ""
                )

        with fake(register, Cameras()) as address, Client(address) as client:
            self.assertEqual([c.name for c in client.cameras({"site": "north", "floor": "2"})], ["c1", "c2", "c3"])
        self.assertEqual(Cameras.asked, [(token, "site=north,floor=2") for token in ("", "more", "more")])

    def test_wrong_words_are_refused_with_those_that_exist(self):
        with Client("127.0.0.1:1") as client:
            for call, words in {
                lambda: client.latest("x", "bmp"): "format: is 'bmp'; give one of bgr, rgb, gray, nv12, jpeg",
                lambda: client.watch(format="bmp"): "format: is 'bmp'",
                lambda: client.latest("x", fit="crop"): "fit: is 'crop'; give one of contain, cover, stretch, letterbox",
                lambda: client.update_camera("x", decode="some"): "decode: is 'some'; give one of all, skip_non_reference",
                lambda: client.update_camera("x", transport="unspecified"): "transport: is 'unspecified'; give one of auto, tcp",
            }.items():
                with self.assertRaises(frameport.InvalidRequest) as caught:
                    call()
                self.assertIn(words, str(caught.exception))
                self.assertEqual(len(caught.exception.field_violations), 1)
            with self.assertRaisesRegex(TypeError, "'colour' is no setting of a camera; there are username"):
                client.add_camera("x", "rtsp://x", colour="red")


if __name__ == "__main__":
    unittest.main()
