"""YCbCr to RGB with numpy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Tuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KR_KB = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
_BITS = 5  # of fraction: with more, sums do not fit into 16 bits


def bgr(y: NDArray[Any], cb: NDArray[Any], cr: NDArray[Any], matrix: str, range_: str) -> NDArray[np.uint8]:
    """Converts 4:2:0 planes to an array (height, width, 3), blue first, 0 to 255.

    Every pixel uses the chroma sample of its 2x2 block, as the worker does; the result is
    within 1 of the worker's. Coefficients are those of ITU-R BT.601, BT.709 and BT.2020.

    Args:
        y: (height, width), uint8.
        cb, cr: (height / 2, width / 2), rounded up, uint8.
        matrix: "bt601", "bt709" or "bt2020".
        range_: "limited" or "full".
    """
    height, width = y.shape
    rows, columns = cb.shape
    luma, (blue, green_cb, green_cr, red) = _tables(matrix, range_)
    base = np.zeros((2 * rows, 2 * columns), np.int16)  # even, so that all blocks are whole
    base[:height, :width] = luma[y]
    pairs = base.reshape(rows, 2, 2 * columns)  # of rows with the same chroma
    out = np.empty((2 * rows, 2 * columns, 3), np.uint8)
    for channel, chroma in enumerate((blue[cb], green_cb[cb] + green_cr[cr], red[cr])):
        values = pairs + chroma.repeat(2, axis=1)[:, None, :]
        values >>= _BITS
        np.clip(values, 0, 255, out=values)
        out[:, :, channel] = values.reshape(base.shape)
    return np.ascontiguousarray(out[:height, :width])


def _tables(matrix: str, range_: str) -> Tuple[NDArray[np.int16], Tuple[NDArray[np.int16], ...]]:
    """Returns, by sample, what luma gives to all channels, and what chroma gives to which,
    in units of 2**-_BITS. Rounding is in that of luma."""
    kr, kb = _KR_KB.get(matrix, _KR_KB["bt709"])
    kg = 1 - kr - kb
    black, luma_scale, chroma_scale = (0, 1.0, 1.0) if range_ == "full" else (16, 255 / 219, 255 / 224)
    sample = np.arange(256)
    luma = (sample - black) * luma_scale
    chroma = (sample - 128) * chroma_scale

    def fixed(values: NDArray[Any]) -> NDArray[np.int16]:
        rounded: NDArray[np.int16] = np.rint(values * (1 << _BITS)).astype(np.int16)
        return rounded

    factors = (2 * (1 - kb), -2 * kb * (1 - kb) / kg, -2 * kr * (1 - kr) / kg, 2 * (1 - kr))
    return fixed(luma + 0.5), tuple(fixed(chroma * factor) for factor in factors)
