"""One camera of the reference stack: PyNvVideoCodec's demuxer and decoder."""

from __future__ import annotations

from typing import Any, Iterator


class Stream:
    """Decodes a clip over and over, as a camera that never ends."""

    def __init__(self, nvc: Any, clip: str, context: int, rgb: bool = False) -> None:
        self._nvc = nvc
        self._clip = clip
        self._demuxer = nvc.CreateDemuxer(filename=clip)
        colour = nvc.OutputColorType.RGB if rgb else nvc.OutputColorType.NATIVE
        self._decoder = nvc.CreateDecoder(
            gpuid=0,
            codec=self._demuxer.GetNvCodecId(),
            cudacontext=context,
            usedevicememory=True,
            outputColorType=colour,
        )

    def frames(self) -> Iterator[Any]:
        """Decoded frames without end. A frame is valid until the next is asked for."""
        while True:
            decoded = 0
            for packet in self._demuxer:
                if not packet.bsl:  # the demuxer's mark for the end of the file
                    continue
                for frame in self._decoder.Decode(packet):
                    decoded += 1
                    yield frame
            if not decoded:
                raise RuntimeError(f"{self._clip}: a whole pass gave no frame")
            self._demuxer = self._nvc.CreateDemuxer(filename=self._clip)
