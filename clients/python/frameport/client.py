"""The blocking client."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Tuple, Union, overload

import grpc

from . import _channel, _requests, batches, camera, frame, worker
from ._proto.v1 import camera_service_pb2, camera_service_pb2_grpc, frame_service_pb2_grpc, worker_service_pb2
from ._proto.v1 import worker_service_pb2_grpc
from ._requests import Cameras, Crop, Labels, Position
from ._stream import BatchStream, FrameStream, ShareStream, Stream
from .camera import Camera, CameraEvent
from .clock import Clock, estimate
from .errors import ClientClosed, translate
from .frame import Frame
from .worker import Worker

if TYPE_CHECKING:
    from typing import Literal

    import numpy as np
    from numpy.typing import DTypeLike, NDArray
    from typing_extensions import Unpack

    from .batches import PerChannel
    from .settings import CameraSettings

    ArrayFormat = Literal["bgr", "rgb", "gray", "nv12"]
    Array = NDArray[np.uint8]


class Client:
    """A connection to a worker.

    It connects when it is first used, and again when the connection was lost. Threads
    may share it. A process that forks makes its own in each child.

    All calls raise :class:`frameport.FrameportError` of some kind.
    """

    def __init__(
        self,
        address: Optional[str] = None,
        *,
        timeout: float = _channel.DEFAULT_TIMEOUT,
        max_message_bytes: int = _channel.DEFAULT_MAX_MESSAGE_BYTES,
        token: Optional[str] = None,
        tls_ca: Optional[str] = None,
        tls_client: Optional[Tuple[str, str]] = None,
    ) -> None:
        """
        Args:
            address: "host:port" or "unix:/path". Default: the environment's
                FRAMEPORT_ADDRESS, or 127.0.0.1:50051.
            timeout: Seconds that a call may take, beyond the ``wait`` that it asks for.
                Streams have none.
            max_message_bytes: Largest message to take. Default 64 MiB, what a worker
                sends at most; a 4K picture in "bgr" has 24.9 MB.
            token: Who calls, for a worker that wants a login. Default: the environment's
                FRAMEPORT_TOKEN. It is sent over TLS, unix sockets and loopback only.
            tls_ca: Speaks TLS: a file with the authorities of the worker's certificate
                (PEM), or "system" for those that gRPC trusts. Default: the environment's
                FRAMEPORT_TLS_CA, or plain text.
            tls_client: Files with a certificate and its key (PEM) that say who the client
                is, for a worker that wants one.
        """
        self.address = _channel.resolve(address)
        """Where the worker is."""
        self.max_message_bytes = max_message_bytes
        """Largest message that is taken."""
        self._timeout = timeout
        options = _channel.options(max_message_bytes)
        secret = _channel.credentials(self.address, tls_ca, tls_client)
        if secret is None:
            self._channel = grpc.insecure_channel(self.address, options=options)
        else:
            self._channel = grpc.secure_channel(self.address, secret, options=options)

        def calls(stub: Any) -> Any:
            return _channel.Stub(stub(self._channel), self.address, secret is not None, token)

        self._cameras = calls(camera_service_pb2_grpc.CameraServiceStub)
        self._frames = calls(frame_service_pb2_grpc.FrameServiceStub)
        self._worker = calls(worker_service_pb2_grpc.WorkerServiceStub)

    def close(self) -> None:
        """Ends all streams and the connection."""
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # Frames

    @overload
    def latest(
        self,
        camera: str,
        format: ArrayFormat = "bgr",
        *,
        width: int = 0,
        height: int = 0,
        fit: Optional[str] = None,
        crop: Optional[Crop] = None,
        quality: Optional[int] = None,
        newer_than: Position = None,
        max_age: Optional[float] = None,
        wait: float = 0,
    ) -> Frame[Array]: ...

    @overload
    def latest(
        self,
        camera: str,
        format: Literal["jpeg"],
        *,
        width: int = 0,
        height: int = 0,
        fit: Optional[str] = None,
        crop: Optional[Crop] = None,
        quality: Optional[int] = None,
        newer_than: Position = None,
        max_age: Optional[float] = None,
        wait: float = 0,
    ) -> Frame[bytes]: ...

    def latest(
        self,
        camera: str,
        format: str = "bgr",
        *,
        width: int = 0,
        height: int = 0,
        fit: Optional[str] = None,
        crop: Optional[Crop] = None,
        quality: Optional[int] = None,
        newer_than: Position = None,
        max_age: Optional[float] = None,
        wait: float = 0,
    ) -> Frame[Any]:
        """Returns the newest frame of a camera.

        Args:
            camera: Its name.
            format: "bgr" (as OpenCV has it), "rgb", "gray", "nv12" or "jpeg"; see
                :attr:`Frame.image` for types and shapes.
            width: Wanted width, 1 to 8192 pixels. 0 follows from the height, or keeps the size.
            height: Wanted height; as width.
            fit: How the picture is put into width and height when both are given:
                "contain" (default: may be smaller than the box), "cover", "stretch" or
                "letterbox" (padded with black).
            crop: Part of the camera's frame to use: (x, y, width, height) in pixels,
                from the top left corner.
            quality: Of "jpeg", 1 to 100. Default 85.
            newer_than: Take only a frame after this one: a :class:`Frame` or its
                ``position``.
            max_age: Take only a frame that arrived at most so many seconds ago.
            wait: Seconds to wait for a frame that qualifies, or for the camera's first
                one, 0 to 300.

        Raises:
            CameraNotFound: There is no such camera.
            NoFrameYet: The camera has not delivered; ``str()`` of the error says why.
            WaitExpired: No frame qualified within ``wait``.
            DecodeDisabled: The camera's decode mode is "none".
            FrameTooLarge: The picture is larger than ``max_message_bytes``.
            InvalidRequest: An argument is wrong.
        """
        spec = _requests.output(format, width, height, fit, crop, quality)
        request = _requests.get_frame(camera, spec, newer_than, max_age, wait, self.max_message_bytes)
        return frame.from_message(self._do(self._frames.GetFrame, request, extra=wait).frame)

    @overload
    def watch(
        self,
        cameras: Cameras = None,
        labels: Labels = None,
        *,
        format: ArrayFormat = "bgr",
        max_fps: float = 0,
        width: int = 0,
        height: int = 0,
        fit: Optional[str] = None,
        crop: Optional[Crop] = None,
        quality: Optional[int] = None,
    ) -> FrameStream[Array]: ...

    @overload
    def watch(
        self,
        cameras: Cameras = None,
        labels: Labels = None,
        *,
        format: Literal["jpeg"],
        max_fps: float = 0,
        width: int = 0,
        height: int = 0,
        fit: Optional[str] = None,
        crop: Optional[Crop] = None,
        quality: Optional[int] = None,
    ) -> FrameStream[bytes]: ...

    def watch(
        self,
        cameras: Cameras = None,
        labels: Labels = None,
        *,
        format: str = "bgr",
        max_fps: float = 0,
        width: int = 0,
        height: int = 0,
        fit: Optional[str] = None,
        crop: Optional[Crop] = None,
        quality: Optional[int] = None,
    ) -> Union[FrameStream[Array], FrameStream[bytes]]:
        """Follows cameras: every step of the loop gets the newest frame not seen yet.

        However slow the loop is, frames do not grow old: the next one is sent when the
        loop asks for it. What was left out meanwhile is in ``frame.skipped``. Several
        cameras take turns. A camera without frames is no error, the stream waits. The
        stream begins with the first frame that is asked for.

        Args:
            cameras: One name or several. None = all that fit ``labels``.
            labels: A selector ("site=north,!test"), or a mapping of labels that must all
                be there. Cameras that come later and fit join the stream.
            max_fps: Most frames per second of each camera; 0 = no limit.
            format, width, height, fit, crop, quality: As for :meth:`latest`.

        Raises, at the first step or a later one:
            CameraNotFound: A camera that was named does not exist.
            CameraRemoved: The last camera that was named is gone.
            ConnectionFailed: The worker is not there (any more). Watch again in a moment.
            InvalidRequest: An argument is wrong.
        """
        spec = _requests.output(format, width, height, fit, crop, quality)
        start = _requests.watch_frames(cameras, labels, spec, max_fps, self.max_message_bytes)
        return FrameStream(self._frames.WatchFrames, start, self.address)

    def batches(
        self,
        cameras: Cameras = None,
        labels: Labels = None,
        *,
        width: int,
        height: int,
        dtype: DTypeLike = "float32",
        layout: str = "nchw",
        fit: str = "letterbox",
        channel_order: str = "rgb",
        scale: Optional[float] = None,
        mean: PerChannel = None,
        std: PerChannel = None,
        pad_value: Optional[float] = None,
        max_batch_size: Optional[int] = None,
        max_wait: Optional[float] = None,
        delivery: str = "inline",
    ) -> BatchStream:
        """Makes tensors of cameras' newest frames, for a model: every step of the loop gets a
        :class:`frameport.Batch` with at most one frame of each camera.

        As with :meth:`watch`, a batch is made when the loop asks for it, of the newest
        frames not seen yet. It goes when it is full, when all cameras are in it, or
        ``max_wait`` after the first; an empty one never does. With more cameras than fit,
        they take turns. An element is (value * scale - mean) / std, with value 0 to 255.

        Args:
            cameras: One name or several. None = all that fit ``labels``.
            labels: A selector ("site=north,!test"), or a mapping of labels that must all
                be there. Cameras that come later and fit join the stream.
            width, height: Size of the tensor's pictures, 1 to 8192 pixels.
            dtype: "float32", "float16" or "uint8", or numpy's types. uint8 is rounded, and
                cut off at 0 and 255.
            layout: "nchw" as PyTorch and ONNX models take it, or "nhwc".
            fit: How the picture is put into the size: "letterbox" (padded with
                ``pad_value``), "cover" (fills, cut off) or "stretch".
            channel_order: "rgb" or "bgr".
            scale: Factor, finite and not 0. Default 1/255 for floats, 1 for uint8.
            mean: Subtracted after scale: one number, or one per channel. Default 0.
            std: Divisor after mean, not 0: one number, or one per channel. Default 1.
            pad_value: Border of a letterbox before scale, mean and std, 0 to 255. Default
                114, what YOLO models are trained with.
            max_batch_size: Most frames in a batch, 1 to 256. Default 8, or as many as fit
                into a message.
            max_wait: Seconds that a batch which is not full waits for more cameras, counted
                from its first frame, 0 to 10. Default 0.005.
            delivery: "inline", or "shared_memory" when this program runs on the worker's
                machine as the worker's user: tensors then lie where the worker wrote them.
                They are valid until the next step of the loop, and until
                ``batch.expire_time_ns``, 2 s after the batch was sent. "cuda_ipc" is the
                same in GPU memory, with :class:`frameport.CudaArray` as tensor; the next
                step waits for what this process has queued on the GPU.

        Raises, here or at the first step or a later one:
            FrameTooLarge: A full batch does not fit into a message: 64 MiB, or less when
                the client was made with a smaller ``max_message_bytes``; in shared memory,
                half of the worker's limit.
            NotPossible: There is no shared memory between this program and the worker.
            SharedMemoryLost: Somebody has shortened or removed it. Begin again.
            LimitReached: The worker has no room for more of it.
            CameraNotFound, CameraRemoved, ConnectionFailed, InvalidRequest: As :meth:`watch`.
        """
        spec = batches.spec(width, height, dtype, layout, fit, channel_order, scale, mean, std, pad_value)
        start = _requests.stream_batches(cameras, labels, spec, max_batch_size, max_wait, self.max_message_bytes, delivery)
        return BatchStream(self._frames.StreamBatches, start, self.address)

    def share(
        self,
        camera: str,
        *,
        max_leases: int = 1,
        max_fps: float = 0,
        lease_duration: Optional[float] = None,
        kind: Optional[str] = None,
    ) -> ShareStream:
        """Follows a camera's frames where the decoder wrote them, without a copy: every step
        of the loop gets the newest :class:`frameport.SharedFrame`.

        This program must run on the worker's machine as the worker's user, and see its
        shared memory, or the same GPU. A frame is this program's until the next step of the
        loop; with ``max_leases`` above 1, until as many newer ones were taken. It can be
        given back earlier. While all are held the worker goes on decoding, and what it
        leaves out is in ``frame.skipped``.

        Args:
            camera: Its name.
            max_leases: Most frames that this stream holds, 1 to 16. With more than 1 the
                worker leases ahead: a loop that gives frames back early gets frames as old as
                its last step took.
            max_fps: Most frames per second; 0 = no limit.
            lease_duration: Seconds after which the worker takes a frame back by itself, 0.01
                to 60. Default: the worker's, 2 s unless it was changed.
            kind: "shared_memory" or "cuda_ipc", when no other one will do. Default: whatever
                the camera's frames lie in.

        Raises, here or at the first step or a later one:
            NotPossible: There is no such memory between this program and the worker.
            SharedMemoryLost: Somebody has shortened or removed it. Begin again.
            LimitReached: The worker has no room for more, or too many frames of the camera
                are shared.
            CameraNotFound, CameraRemoved, ConnectionFailed, InvalidRequest: As :meth:`watch`.
        """
        start = _requests.share_frames(camera, max_leases, max_fps, lease_duration, kind)
        return ShareStream(self._frames.ShareFrames, start, self.address)

    # Cameras

    def cameras(self, labels: Labels = None) -> List[Camera]:
        """Returns all cameras, or those whose labels fit, by name.

        Args:
            labels: A selector ("site=north,!test"), or a mapping.
        """
        found: List[Camera] = []
        token = ""
        while True:
            page = self._do(self._cameras.ListCameras, _requests.list_cameras(labels, token))
            found += map(camera.from_message, page.cameras)
            token = page.next_page_token
            if not token:
                return found

    def camera(self, name: str) -> Camera:
        """Returns one camera. Raises CameraNotFound when there is none of that name."""
        request = camera_service_pb2.GetCameraRequest(camera_id=name)
        return camera.from_message(self._do(self._cameras.GetCamera, request).camera)

    def add_camera(self, name: str, url: str, **settings: Unpack[CameraSettings]) -> Camera:
        """Adds a camera and returns at once; connecting goes on behind.

        Adding it again with equal settings returns the one that is there.

        Args:
            name: 1 to 63 of a-z, 0-9, "-" and "_"; begins and ends with a letter or digit.
            url: "rtsp://…" or "rtsps://…".
            settings: See :class:`frameport.CameraSettings`.

        Raises:
            InvalidRequest: Something is wrong; ``field_violations`` names all of it.
            CameraExists: There is one with other settings: update that.
            LimitReached: The worker has no room for it.
            NotPossible: The worker does not have the backend that was asked for.
            TypeError: A keyword is no setting.
        """
        request = _requests.add_camera(name, url, settings)
        return camera.from_message(self._do(self._cameras.AddCamera, request).camera)

    def update_camera(self, name: str, *, url: Optional[str] = None, **settings: Unpack[CameraSettings]) -> Camera:
        """Changes what is given of a camera, all or none, and returns it.

        It reconnects only for url, username, password, transport, tls, backend and device.

        Raises:
            CameraNotFound: There is no such camera.
            InvalidRequest, LimitReached, NotPossible, TypeError: As :meth:`add_camera`.
        """
        request = _requests.update_camera(name, url, settings)
        return camera.from_message(self._do(self._cameras.UpdateCamera, request).camera)

    def remove_camera(self, name: str) -> None:
        """Removes a camera; returns when nothing of it is left. Raises CameraNotFound."""
        self._do(self._cameras.RemoveCamera, camera_service_pb2.RemoveCameraRequest(camera_id=name))

    def watch_cameras(self, cameras: Cameras = None, labels: Labels = None) -> Stream[CameraEvent]:
        """Follows what happens to cameras: how they are now, one event "synced", then changes.

        There is never a backlog: a slow loop gets the newest state of each camera.

        Args:
            cameras: One name or several, which need not exist yet. None = all.
            labels: A selector or a mapping; a camera that begins or ceases to fit is
                "added" or "removed".
        """
        request = _requests.watch_cameras(cameras, labels)
        return Stream(lambda: self._cameras.WatchCameras(request), camera.event, self.address)

    # Worker

    def worker(self) -> Worker:
        """Returns how the worker is."""
        return worker.from_message(self._do(self._worker.GetWorker, worker_service_pb2.GetWorkerRequest()).worker)

    def clock(self, probes: int = 8) -> Clock:
        """Compares the worker's clock with this machine's.

        Args:
            probes: How often to ask, 1 or more. The fastest answer counts.
        """
        measured = []
        for _ in range(max(1, probes)):
            sent, since = time.time_ns(), time.monotonic_ns()
            answer = self._do(self._worker.GetClock, _requests.get_clock(sent))
            measured.append(_requests.probe(answer, sent, time.monotonic_ns() - since))
        return estimate(measured)

    def _do(self, method: Callable[..., Any], request: Any, extra: float = 0) -> Any:
        try:
            return method(request, timeout=self._timeout + extra)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.CANCELLED:
                raise ClientClosed("the client was closed during the call") from None
            raise translate(error, self.address) from None
        except ValueError:  # gRPC's way to say that the channel is closed
            raise ClientClosed("the client is closed: make a new one") from None
