"""The one thing about a JPEG that must be known to compare encoders fairly."""

from __future__ import annotations

_NAMES = {(2, 2): "4:2:0", (2, 1): "4:2:2", (1, 1): "4:4:4", (1, 2): "4:4:0", (4, 1): "4:1:1"}


def subsampling(jpeg: bytes) -> str:
    """The chroma subsampling in a JPEG's frame header, such as "4:2:0"."""
    if jpeg[:2] != b"\xff\xd8":
        raise ValueError("these bytes are no JPEG")
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        marker, size = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if marker in (0xC0, 0xC1, 0xC2):
            parts = jpeg[at + 9]
            factors = [jpeg[at + 11 + 3 * i] for i in range(parts)]
            if parts != 3:
                return "grey" if parts == 1 else f"{parts} components"
            (h, v), chroma = divmod(factors[0], 16), factors[1]
            ratio = (h // max(chroma >> 4, 1), v // max(chroma & 15, 1))
            return _NAMES.get(ratio, f"{ratio[0]}x{ratio[1]}")
        at += 2 + size
    raise ValueError("this JPEG has no frame header")
