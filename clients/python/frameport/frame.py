"""Frames and what they carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Optional, Tuple, TypeVar

import numpy as np

from . import _enums, _times
from ._moment import Moment
from ._proto.v1 import frame_pb2, media_pb2, output_pb2

if TYPE_CHECKING:
    from numpy.typing import NDArray

Picture = TypeVar("Picture", covariant=True)
"""``numpy.ndarray`` of uint8, or ``bytes`` for JPEG."""

FORMATS = {
    "bgr": output_pb2.IMAGE_FORMAT_BGR24,
    "rgb": output_pb2.IMAGE_FORMAT_RGB24,
    "gray": output_pb2.IMAGE_FORMAT_GRAY8,
    "nv12": output_pb2.IMAGE_FORMAT_NV12,
    "jpeg": output_pb2.IMAGE_FORMAT_JPEG,
}
_NAMES = {value: name for name, value in FORMATS.items()}


@dataclass(frozen=True)
class Skipped:
    """Pictures of a camera that a stream did not deliver since its frame before."""

    policy: int = 0
    """Left out on purpose, by the camera's decode policy or a ``max_fps``."""
    slow_consumer: int = 0
    """Replaced by a newer frame before this program asked for one."""
    network: int = 0
    """Lost or damaged between camera and worker. An estimate where packets are missing."""
    decode: int = 0
    """Given up by the decoder, or dropped because it was too slow."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.policy + self.slow_consumer + self.network + self.decode


@dataclass(frozen=True)
class Transform:
    """Maps positions in a delivered picture to the camera's frame, in pixels.

    Coordinates are continuous, 0 is the left or top edge of the first pixel.
    """

    scale_x: float = 1.0
    scale_y: float = 1.0
    offset_x: float = 0.0
    offset_y: float = 0.0

    def to_source(self, x: float, y: float) -> Tuple[float, float]:
        """Returns the position in the camera's frame."""
        return x * self.scale_x + self.offset_x, y * self.scale_y + self.offset_y


@dataclass(frozen=True, eq=False, repr=False)
class Frame(Moment, Generic[Picture]):
    """One picture of one camera, with where it belongs and when it was."""

    camera: str
    """Name of the camera."""
    epoch: int
    """Rises at every reconnect, change of format and break in the camera's time, from 1."""
    sequence: int
    """Rises by one per decoded frame within the epoch, from 1."""
    image: Picture
    """The picture, uint8:

    - "bgr", "rgb": (height, width, 3)
    - "gray": (height, width)
    - "nv12": (height * 3 / 2, width), luma above interleaved Cb and Cr, as OpenCV's
      ``COLOR_YUV2BGR_NV12`` takes it; see :attr:`planes`
    - "jpeg": ``bytes``

    Arrays are views of the received message, made without a copy and read-only:
    ``image.copy()`` can be drawn on.
    """
    format: str
    """"bgr", "rgb", "gray", "nv12" or "jpeg"."""
    width: int
    """Width of the picture in pixels."""
    height: int
    """Height of the picture in pixels."""
    source_width: int
    """Width of the camera's frame before crop and scaling, in pixels."""
    source_height: int
    """Height of the camera's frame before crop and scaling, in pixels."""
    transform: Transform
    """From pixels of this picture to pixels of the camera's frame."""
    color_matrix: str
    """"bt601", "bt709", "bt2020"; empty for bgr, rgb and gray."""
    color_range: str
    """"limited" or "full"."""
    pts_ns: int
    """Nanoseconds since the epoch began, by the camera's clock: exact differences."""
    capture_time_ns: int
    """Best known time of the exposure, in nanoseconds since 1970."""
    capture_time_source: str
    """"rtcp": the camera's clock. "arrival": the worker's, when the picture arrived."""
    capture_time_error: Optional[float]
    """Bound of the capture time's error against its own clock, in seconds. None = not known."""
    received_time_ns: int
    """When the picture's last packet reached the worker, by the worker's clock."""
    decoded_time_ns: int
    """When the decoder was done, by the worker's clock."""
    sent_time_ns: int
    """When the worker sent this frame, by the worker's clock."""
    key_frame: bool
    """True when it was decoded from a random-access unit."""
    corrupt: bool
    """True when parts of the picture may be damaged."""
    skipped: Skipped
    """What this stream did not deliver since the frame before. All 0 in :meth:`Client.latest`."""

    @property
    def planes(self) -> Tuple[NDArray[np.uint8], ...]:
        """Views of the picture's planes: for "nv12" luma (height, width) and chroma
        (height / 2, width / 2, 2), Cb before Cr, sizes rounded up; one for other arrays;
        none for "jpeg"."""
        image: Any = self.image
        if not isinstance(image, np.ndarray):
            return ()
        if self.format != "nv12":
            return (image,)
        chroma = image[self.height :]
        return image[: self.height, : self.width], chroma.reshape(chroma.shape[0], -1, 2)

    def __repr__(self) -> str:
        return (
            f"<Frame {self.camera} {self.epoch}/{self.sequence} {self.width}x{self.height} {self.format} "
            f"captured {self.capture_time.isoformat()}{' corrupt' if self.corrupt else ''}>"
        )


def from_message(m: frame_pb2.Frame) -> Frame[Any]:
    """Makes a frame of the message."""
    return Frame(
        camera=m.camera_id,
        epoch=m.epoch,
        sequence=m.sequence,
        image=_image(m),
        format=_NAMES.get(m.format) or _enums.word(output_pb2.ImageFormat, m.format),
        width=m.width,
        height=m.height,
        source_width=m.source_width,
        source_height=m.source_height,
        transform=transform(m.transform),
        color_matrix=_enums.word(media_pb2.ColorMatrix, m.color.matrix),
        color_range=_enums.word(media_pb2.ColorRange, m.color.range),
        pts_ns=m.pts.ToNanoseconds(),
        capture_time_ns=m.capture_time.ToNanoseconds(),
        capture_time_source=_enums.word(media_pb2.CaptureTimeSource, m.capture_time_source),
        capture_time_error=_times.seconds(m, "capture_time_error"),
        received_time_ns=m.received_time.ToNanoseconds(),
        decoded_time_ns=m.decoded_time.ToNanoseconds(),
        sent_time_ns=m.sent_time.ToNanoseconds(),
        key_frame=m.key_frame,
        corrupt=m.corrupt,
        skipped=skipped(m.skipped),
    )


def skipped(m: frame_pb2.Skipped) -> Skipped:
    """Makes the counts of the message."""
    return Skipped(m.policy, m.slow_consumer, m.network, m.decode)


def transform(m: media_pb2.Transform) -> Transform:
    """Makes the mapping of the message."""
    return Transform(m.scale_x, m.scale_y, m.offset_x, m.offset_y)


def _image(m: frame_pb2.Frame) -> Any:
    data = m.data  # once: every access makes a copy
    if m.format in (output_pb2.IMAGE_FORMAT_BGR24, output_pb2.IMAGE_FORMAT_RGB24):
        p = m.planes[0]
        return np.ndarray((m.height, m.width, 3), np.uint8, data, p.offset, (p.stride, 3, 1))
    if m.format == output_pb2.IMAGE_FORMAT_GRAY8:
        p = m.planes[0]
        return np.ndarray((m.height, m.width), np.uint8, data, p.offset, (p.stride, 1))
    if m.format == output_pb2.IMAGE_FORMAT_NV12:
        return _nv12(m, data)
    return data


def _nv12(m: frame_pb2.Frame, data: bytes) -> NDArray[np.uint8]:
    luma, chroma = m.planes
    rows, columns = m.height + chroma.height, (m.width + 1) // 2 * 2
    if luma.stride == chroma.stride >= columns and chroma.offset == luma.offset + luma.stride * m.height:
        whole: NDArray[np.uint8] = np.ndarray((rows, columns), np.uint8, data, luma.offset, (luma.stride, 1))
        return whole
    # An odd width, or planes apart: put them together. The luma column that an odd
    # width lacks repeats the last one.
    image = np.empty((rows, columns), np.uint8)
    y = np.ndarray((m.height, m.width), np.uint8, data, luma.offset, (luma.stride, 1))
    image[: m.height, : m.width] = y
    image[: m.height, m.width :] = y[:, -1:]
    image[m.height :] = np.ndarray((chroma.height, columns), np.uint8, data, chroma.offset, (chroma.stride, 1))
    image.flags.writeable = False
    return image
