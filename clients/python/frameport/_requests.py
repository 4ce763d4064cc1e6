"""Requests of what users give; the same for Client and aio.Client."""

from __future__ import annotations

from typing import Iterable, List, Mapping, Optional, Tuple, Union

from . import _enums, _times, batches, settings
from ._proto.v1 import camera_service_pb2, frame_service_pb2, media_pb2, output_pb2, share_pb2, tensor_pb2, worker_service_pb2
from .clock import Probe
from .frame import FORMATS, Frame
from .settings import CameraSettings

Cameras = Union[str, Iterable[str], None]
Labels = Union[str, Mapping[str, str], None]
Crop = Tuple[int, int, int, int]
Position = Union["Frame[object]", Tuple[int, int], None]


def output(
    format: str,
    width: int,
    height: int,
    fit: Optional[str],
    crop: Optional[Crop],
    quality: Optional[int],
) -> output_pb2.OutputSpec:
    """Makes the wanted form of a picture."""
    if format not in FORMATS:
        raise _enums.wrong("format", f"is {format!r}; give one of {', '.join(FORMATS)}", "INVALID_FORMAT")
    spec = output_pb2.OutputSpec(format=FORMATS[format], width=width, height=height)
    if fit is not None:
        spec.fit = _enums.value(output_pb2.Fit, fit, "fit", "INVALID_FIT")
    if crop is not None:
        x, y, w, h = crop
        spec.crop.CopyFrom(media_pb2.Rectangle(x=x, y=y, width=w, height=h))
    if quality is not None:
        spec.quality = quality
    return spec


def get_frame(
    camera: str,
    spec: output_pb2.OutputSpec,
    newer_than: Position,
    max_age: Optional[float],
    wait: float,
    max_message_bytes: int,
) -> frame_service_pb2.GetFrameRequest:
    """Makes the request for the newest frame."""
    request = frame_service_pb2.GetFrameRequest(camera_id=camera, output=spec, max_message_bytes=max_message_bytes)
    if newer_than is not None:
        epoch, sequence = newer_than.position if isinstance(newer_than, Frame) else newer_than
        request.newer_than.epoch, request.newer_than.sequence = epoch, sequence
    if max_age is not None:
        _times.set_duration(request.max_age, max_age)
    if wait:
        _times.set_duration(request.wait, wait)
    return request


def watch_frames(
    cameras: Cameras,
    labels: Labels,
    spec: output_pb2.OutputSpec,
    max_fps: float,
    max_message_bytes: int,
) -> frame_service_pb2.WatchFramesRequest:
    """Makes the first message of a watch: it grants the first credit."""
    return frame_service_pb2.WatchFramesRequest(
        start=frame_service_pb2.WatchFramesStart(
            camera_ids=names(cameras),
            label_selector=selector(labels),
            output=spec,
            max_fps=max_fps,
            credits=1,
            max_message_bytes=max_message_bytes,
        )
    )


def one_frame() -> frame_service_pb2.WatchFramesRequest:
    """Makes the message that asks for the next frame."""
    return frame_service_pb2.WatchFramesRequest(credits=1)


def stream_batches(
    cameras: Cameras,
    labels: Labels,
    spec: tensor_pb2.TensorSpec,
    max_batch_size: Optional[int],
    max_wait: Optional[float],
    max_message_bytes: int,
    delivery: str = "inline",
) -> frame_service_pb2.StreamBatchesRequest:
    """Makes the first message of a stream of batches: it grants the first credit."""
    place = _enums.value(tensor_pb2.Delivery, delivery, "delivery", "INVALID_DELIVERY")
    if max_batch_size is None:
        max_batch_size = 0
        if place == tensor_pb2.DELIVERY_INLINE:
            max_batch_size = batches.default_size(spec, max_message_bytes)
    elif max_batch_size == 0:  # the contract's word for its default, and here a mistake
        raise _enums.wrong("max_batch_size", "is 0; give 1 to 256, or leave it out", "INVALID_BATCH")
    start = frame_service_pb2.StreamBatchesStart(
        camera_ids=names(cameras),
        label_selector=selector(labels),
        tensor=spec,
        max_batch_size=max_batch_size,
        delivery=place,
        credits=1,
        max_message_bytes=max_message_bytes,
    )
    if max_wait is not None:
        _times.set_duration(start.max_wait, max_wait)
    return frame_service_pb2.StreamBatchesRequest(start=start)


def one_batch() -> frame_service_pb2.StreamBatchesRequest:
    """Makes the message that asks for the next batch."""
    return frame_service_pb2.StreamBatchesRequest(credits=1)


def give_back(lease: int) -> frame_service_pb2.StreamBatchesRequest:
    """Makes the message that gives back a batch in shared or GPU memory."""
    return frame_service_pb2.StreamBatchesRequest(ack=share_pb2.LeaseAck(lease_id=lease))


def share_frames(
    camera: str,
    max_leases: int,
    max_fps: float,
    lease_duration: Optional[float],
    kind: Optional[str],
) -> frame_service_pb2.ShareFramesRequest:
    """Makes the first message of shared frames.

    Raises:
        TypeError: The camera is no name; watch and batches take several, this takes one.
    """
    if not isinstance(camera, str):
        raise TypeError(f"camera is {camera!r}: give one name, and share each camera by itself")
    if max_leases == 0:  # the contract's word for its default, and here a mistake
        raise _enums.wrong("max_leases", "is 0; give 1 to 16", "INVALID_SHARE")
    start = share_pb2.ShareOpen(camera_id=camera, max_leases=max_leases, max_fps=max_fps)
    if kind is not None:
        start.kind = _enums.value(share_pb2.RegionKind, kind, "kind", "INVALID_SHARE")
    if lease_duration is not None:
        _times.set_duration(start.lease_duration, lease_duration)
    return frame_service_pb2.ShareFramesRequest(open=start)


def release(lease: int) -> frame_service_pb2.ShareFramesRequest:
    """Makes the message that gives back a shared frame."""
    return frame_service_pb2.ShareFramesRequest(ack=share_pb2.LeaseAck(lease_id=lease))


def names(cameras: Cameras) -> List[str]:
    """Returns the names of cameras; one may come as it is.

    Raises:
        ValueError: There is none, which the worker would take for all.
    """
    if cameras is None:
        return []
    listed = [cameras] if isinstance(cameras, str) else list(cameras)
    if not listed:
        raise ValueError("cameras is empty: name at least one, or leave it out for all")
    return listed


def selector(labels: Labels) -> str:
    """Returns the label selector; a mapping means that all of its labels must be there."""
    if labels is None or isinstance(labels, str):
        return labels or ""
    return ",".join(f"{key}={value}" for key, value in labels.items())


def add_camera(name: str, url: str, given: CameraSettings) -> camera_service_pb2.AddCameraRequest:
    """Makes the request for a new camera."""
    spec, _ = settings.to_spec(url, given)
    return camera_service_pb2.AddCameraRequest(camera_id=name, spec=spec)


def update_camera(
    name: str, url: Optional[str], given: CameraSettings
) -> camera_service_pb2.UpdateCameraRequest:
    """Makes the request that changes what is given and nothing else."""
    spec, paths = settings.to_spec(url, given)
    request = camera_service_pb2.UpdateCameraRequest(camera_id=name, spec=spec)
    request.update_mask.paths.extend(paths)
    return request


def list_cameras(labels: Labels, page_token: str) -> camera_service_pb2.ListCamerasRequest:
    """Makes the request for a page of cameras."""
    return camera_service_pb2.ListCamerasRequest(
        page_size=1000, page_token=page_token, label_selector=selector(labels)
    )


def watch_cameras(cameras: Cameras, labels: Labels) -> camera_service_pb2.WatchCamerasRequest:
    """Makes the request for events."""
    return camera_service_pb2.WatchCamerasRequest(camera_ids=names(cameras), label_selector=selector(labels))


def get_clock(client_send: int) -> worker_service_pb2.GetClockRequest:
    """Makes a probe of the worker's clock; client_send is in nanoseconds since 1970."""
    request = worker_service_pb2.GetClockRequest()
    request.client_send_time.FromNanoseconds(client_send)
    return request


def probe(answer: worker_service_pb2.GetClockResponse, client_send: int, elapsed: int) -> Probe:
    """Puts the four times of a probe together. The elapsed time comes from a clock that
    nobody sets, so that setting the clock meanwhile does no harm."""
    return Probe(
        client_send=client_send,
        worker_receive=answer.worker_receive_time.ToNanoseconds(),
        worker_send=answer.worker_send_time.ToNanoseconds(),
        client_receive=client_send + elapsed,
    )
