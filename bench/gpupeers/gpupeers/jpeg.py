"""Part: the time of one 720p JPEG, from a picture on the GPU to bytes in memory."""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any, Callable

from . import driver
from .stats import percentile
from .sof import subsampling

WIDTH, HEIGHT = 1280, 720
QUALITY = 85
WARM, ROUNDS = 20, 200
BATCHES = (1, 4)

# An encoder takes how many pictures to encode at once and returns their bytes.
Encode = Callable[[int], "list[bytes]"]
Report = Callable[[dict[str, Any]], None]


class DevicePicture:
    """Packed RGB in device memory, for whoever reads CUDA's array interface."""

    def __init__(self, address: int) -> None:
        self.__cuda_array_interface__ = {
            "shape": (HEIGHT, WIDTH, 3),
            "typestr": "|u1",
            "data": (address, False),
            "strides": None,
            "version": 3,
        }


def nvimagecodec(cuda: driver.Cuda, rgb: bytes) -> Encode:
    """nvImageCodec without its CPU encoders, which would answer unasked."""
    codec = importlib.import_module("nvidia.nvimgcodec")
    cuda.retain()
    picture = codec.as_image(DevicePicture(cuda.upload(rgb)))
    kinds = (codec.BackendKind.GPU_ONLY, codec.BackendKind.HYBRID_CPU_GPU)
    encoder = codec.Encoder(device_id=0, backends=[codec.Backend(kind) for kind in kinds])
    params = codec.EncodeParams(
        quality_type=codec.QualityType.QUALITY,
        quality_value=QUALITY,
        chroma_subsampling=codec.ChromaSubsampling.CSS_420,
    )

    def encode(count: int) -> list[bytes]:
        streams = encoder.encode([picture] * count, "jpeg", params=params)
        if any(stream is None for stream in streams):
            raise RuntimeError("nvImageCodec encoded nothing: is there a libnvjpeg?")
        return [bytes(memoryview(stream)) for stream in streams]

    return encode


def torchvision(rgb: bytes) -> Encode:
    """torchvision.io.encode_jpeg on CUDA tensors, copied to the host."""
    torch = importlib.import_module("torch")
    io = importlib.import_module("torchvision.io")
    pixels = torch.frombuffer(bytearray(rgb), dtype=torch.uint8).view(HEIGHT, WIDTH, 3)
    picture = pixels.permute(2, 0, 1).contiguous().cuda()

    def encode(count: int) -> list[bytes]:
        jpegs = io.encode_jpeg([picture] * count, quality=QUALITY)
        return [bytes(jpeg.cpu().numpy()) for jpeg in jpegs]

    return encode


def measure(encode: Encode, clock: Callable[[], float] = time.perf_counter) -> list[dict[str, Any]]:
    """Times batches of pictures; milliseconds are per picture."""
    rows = []
    for count in BATCHES:
        jpegs: list[bytes] = []
        for _ in range(WARM):
            jpegs = encode(count)
        times = []
        for _ in range(ROUNDS):
            began = clock()
            jpegs = encode(count)
            times.append((clock() - began) * 1000 / count)
        rows.append({
            "batch": count,
            "p50_ms": round(percentile(times, 50), 3),
            "p95_ms": round(percentile(times, 95), 3),
            "bytes": len(jpegs[0]),
            "subsampling": subsampling(jpegs[0]),
        })
    return rows


def run(library: str, picture: Path, report: Report) -> None:
    rgb = picture.read_bytes()
    if len(rgb) != WIDTH * HEIGHT * 3:
        raise ValueError(f"{picture.name} is {len(rgb)} bytes, not a {WIDTH}x{HEIGHT} RGB picture")
    encode = nvimagecodec(driver.Cuda(), rgb) if library == "nvimagecodec" else torchvision(rgb)
    report({"library": library, "quality": QUALITY, "rows": measure(encode)})
