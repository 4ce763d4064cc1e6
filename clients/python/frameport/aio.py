"""The client for asyncio: :class:`frameport.Client` with ``await`` and ``async for``.

>>> async with frameport.aio.Client("127.0.0.1:50051") as client:
...     async for frame in client.watch("street"):
...         ...
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Tuple, Union, overload

import grpc
import grpc.aio

from . import _channel, _requests, batches, camera, frame, worker
from ._aiostream import BatchStream, FrameStream, ShareStream, Stream
from ._proto.v1 import (
    camera_service_pb2,
    camera_service_pb2_grpc,
    frame_service_pb2_grpc,
    worker_service_pb2,
    worker_service_pb2_grpc,
)
from ._requests import Cameras, Crop, Labels, Position
from .camera import Camera, CameraEvent
from .clock import Clock, estimate
from .errors import ClientClosed, translate
from .frame import Frame
from .worker import Worker

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import DTypeLike
    from typing_extensions import Unpack

    from .batches import PerChannel
    from .client import Array, ArrayFormat
    from .settings import CameraSettings

__all__ = ["BatchStream", "Client", "FrameStream", "ShareStream", "Stream"]


class Client:
    """A connection to a worker; see :class:`frameport.Client`, whose methods mean the same.

    Made and used in one event loop.
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
        """See :class:`frameport.Client`."""
        self.address = _channel.resolve(address)
        """Where the worker is."""
        self.max_message_bytes = max_message_bytes
        """Largest message that is taken."""
        self._timeout = timeout
        options = _channel.options(max_message_bytes)
        secret = _channel.credentials(self.address, tls_ca, tls_client)
        if secret is None:
            self._channel = grpc.aio.insecure_channel(self.address, options=options)
        else:
            self._channel = grpc.aio.secure_channel(self.address, secret, options=options)

        def calls(stub: Any) -> Any:
            return _channel.Stub(stub(self._channel), self.address, secret is not None, token)

        self._cameras = calls(camera_service_pb2_grpc.CameraServiceStub)
        self._frames = calls(frame_service_pb2_grpc.FrameServiceStub)
        self._worker = calls(worker_service_pb2_grpc.WorkerServiceStub)

    async def close(self) -> None:
        """Ends all streams and the connection."""
        await self._channel.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    @overload
    async def latest(
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
    async def latest(
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

    async def latest(
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
        """Returns the newest frame of a camera; see :meth:`frameport.Client.latest`."""
        spec = _requests.output(format, width, height, fit, crop, quality)
        request = _requests.get_frame(camera, spec, newer_than, max_age, wait, self.max_message_bytes)
        return frame.from_message((await self._do(self._frames.GetFrame, request, extra=wait)).frame)

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
        """Follows cameras, newest frames only; see :meth:`frameport.Client.watch`."""
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
        """Makes tensors of cameras' newest frames; see :meth:`frameport.Client.batches`."""
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
        """Follows a camera's frames without a copy; see :meth:`frameport.Client.share`."""
        start = _requests.share_frames(camera, max_leases, max_fps, lease_duration, kind)
        return ShareStream(self._frames.ShareFrames, start, self.address)

    async def cameras(self, labels: Labels = None) -> List[Camera]:
        """Returns all cameras, or those whose labels fit, by name."""
        found: List[Camera] = []
        token = ""
        while True:
            page = await self._do(self._cameras.ListCameras, _requests.list_cameras(labels, token))
            found += map(camera.from_message, page.cameras)
            token = page.next_page_token
            if not token:
                return found

    async def camera(self, name: str) -> Camera:
        """Returns one camera."""
        request = camera_service_pb2.GetCameraRequest(camera_id=name)
        return camera.from_message((await self._do(self._cameras.GetCamera, request)).camera)

    async def add_camera(self, name: str, url: str, **settings: Unpack[CameraSettings]) -> Camera:
        """Adds a camera; see :meth:`frameport.Client.add_camera`."""
        request = _requests.add_camera(name, url, settings)
        return camera.from_message((await self._do(self._cameras.AddCamera, request)).camera)

    async def update_camera(
        self, name: str, *, url: Optional[str] = None, **settings: Unpack[CameraSettings]
    ) -> Camera:
        """Changes what is given of a camera; see :meth:`frameport.Client.update_camera`."""
        request = _requests.update_camera(name, url, settings)
        return camera.from_message((await self._do(self._cameras.UpdateCamera, request)).camera)

    async def remove_camera(self, name: str) -> None:
        """Removes a camera; returns when nothing of it is left."""
        await self._do(self._cameras.RemoveCamera, camera_service_pb2.RemoveCameraRequest(camera_id=name))

    def watch_cameras(self, cameras: Cameras = None, labels: Labels = None) -> Stream[CameraEvent]:
        """Follows what happens to cameras; see :meth:`frameport.Client.watch_cameras`."""
        request = _requests.watch_cameras(cameras, labels)
        return Stream(lambda: self._cameras.WatchCameras(request), camera.event, self.address)

    async def worker(self) -> Worker:
        """Returns how the worker is."""
        answer = await self._do(self._worker.GetWorker, worker_service_pb2.GetWorkerRequest())
        return worker.from_message(answer.worker)

    async def clock(self, probes: int = 8) -> Clock:
        """Compares the worker's clock with this machine's; see :meth:`frameport.Client.clock`."""
        measured = []
        for _ in range(max(1, probes)):
            sent, since = time.time_ns(), time.monotonic_ns()
            answer = await self._do(self._worker.GetClock, _requests.get_clock(sent))
            measured.append(_requests.probe(answer, sent, time.monotonic_ns() - since))
        return estimate(measured)

    async def _do(self, method: Callable[..., Any], request: Any, extra: float = 0) -> Any:
        try:
            return await method(request, timeout=self._timeout + extra)
        except grpc.RpcError as error:
            raise translate(error, self.address) from None
        except grpc.aio.UsageError:
            raise ClientClosed("the client is closed: make a new one") from None
