"""A worker of shared frames that is made of answers."""

import contextlib
import queue
import tempfile
import threading

import harness
import numpy as np

from frameport._proto.v1 import frame_service_pb2, frame_service_pb2_grpc, media_pb2, output_pb2, share_pb2

SECOND = 1_000_000_000
BEGIN = 1_700_000_000 * SECOND
HEADER = 4096
"""Where slot 0 begins: not at the beginning."""

register = frame_service_pb2_grpc.add_FrameServiceServicer_to_server


class Ring:
    """A region in a file, as a worker makes it. Rows are wider apart than they are long."""

    def __init__(self, name="ring-1", width=6, height=4, slots=3, format="I420", matrix="BT709", range_="LIMITED"):
        self.file = tempfile.NamedTemporaryFile(prefix="frameport-ring-")
        half, rows, pitch = (width + 1) // 2, (height + 1) // 2, width + 10
        planes = [(16, pitch, height)]
        if format == "NV12":
            planes.append((16 + pitch * height, pitch, rows))
        else:
            planes += [(16 + pitch * (height + i * rows), pitch, rows) for i in (0, 1)]
        self.frame_bytes = 16 + pitch * (height + 2 * rows)
        self.stride = (self.frame_bytes + 7) // 8 * 8 + 8
        self.widths = [width, 2 * half] if format == "NV12" else [width, half, half]
        self.message = share_pb2.SharedRegion(
            name=name, kind=share_pb2.REGION_KIND_SHARED_MEMORY, key=self.file.name, offset=HEADER,
            byte_size=slots * self.stride, slot_count=slots, slot_stride=self.stride, pitch=pitch,
            format=output_pb2.ImageFormat.Value(f"IMAGE_FORMAT_{format}"), width=width, height=height,
            generation_offset=self.stride - 8,
            planes=[{"offset": o, "stride": s, "height": h} for o, s, h in planes],
        )
        self.message.color.matrix = media_pb2.ColorMatrix.Value(f"COLOR_MATRIX_{matrix}")
        self.message.color.range = media_pb2.ColorRange.Value(f"COLOR_RANGE_{range_}")
        self.file.truncate(HEADER + slots * self.stride)

    def write(self, slot, planes, generation):
        """Writes a picture, as a decoder does."""
        begin = HEADER + slot * self.stride
        self._put(begin + self.stride - 8, generation.to_bytes(8, "little"))
        for place, plane in zip(self.message.planes, planes):
            for row, samples in enumerate(plane):
                self._put(begin + place.offset + row * place.stride, bytes(samples.ravel()))

    def _put(self, at, data):
        self.file.seek(at)
        self.file.write(data)
        self.file.flush()

    def picture(self, seed):
        """Returns planes of noise."""
        noise = np.random.default_rng(seed)
        shapes = [(p.height, w) for p, w in zip(self.message.planes, self.widths)]
        return [noise.integers(0, 256, shape, np.uint8) for shape in shapes]

    def lease(self, number, slot=0, generation=1, sequence=None, **more):
        lease = share_pb2.FrameLease(
            lease_id=number, region=self.message.name, slot=slot, offset=HEADER + slot * self.stride,
            byte_size=self.frame_bytes, generation=generation, camera_id="door", epoch=2, sequence=sequence or number,
            capture_time_source=media_pb2.CAPTURE_TIME_SOURCE_RTCP, key_frame=number == 1, **more,
        )
        lease.pts.FromNanoseconds(number * SECOND // 25)
        lease.capture_time.FromNanoseconds(BEGIN)
        lease.capture_time_error.FromMilliseconds(3)
        lease.received_time.FromNanoseconds(BEGIN + 10_000_000)
        lease.decoded_time.FromNanoseconds(BEGIN + 20_000_000)
        lease.sent_time.FromNanoseconds(BEGIN + 30_000_000)
        lease.expire_time.FromNanoseconds(BEGIN + 2 * SECOND)
        return lease


class Sharing(frame_service_pb2_grpc.FrameServiceServicer):
    """Sends what a test says, and keeps what it gets."""

    def __init__(self):
        self.opened = queue.SimpleQueue()
        self.ended = threading.Event()
        self._acks = queue.SimpleQueue()
        self._answers = queue.SimpleQueue()

    def ShareFrames(self, requests, context):
        def read():
            with contextlib.suppress(Exception):  # the call has ended
                for request in requests:
                    self._acks.put(request.ack.lease_id)

        def end():
            self.ended.set()
            self._answers.put(None)

        self.opened.put(next(requests).open)
        context.add_callback(end)
        reading = threading.Thread(target=read)
        reading.start()
        for answer in iter(self._answers.get, None):
            if isinstance(answer, tuple):
                code, text, trailer = answer
                context.set_trailing_metadata([("grpc-status-details-bin", trailer)])
                context.abort(code, text)
            yield answer
        reading.join()

    def send(self, *messages):
        for m in messages:
            kind = "region" if isinstance(m, share_pb2.SharedRegion) else "lease"
            self._answers.put(frame_service_pb2.ShareFramesResponse(**{kind: m}))

    def fail(self, code, text, trailer=b""):
        """Ends the call with an error."""
        self._answers.put((code, text, trailer))

    def open(self):
        """Returns what a stream began with."""
        return self.opened.get(timeout=harness.PATIENCE)

    def ack(self):
        """Returns the next lease that was given back."""
        return self._acks.get(timeout=harness.PATIENCE)

    def acks(self):
        """Says whether there are more."""
        return not self._acks.empty()
