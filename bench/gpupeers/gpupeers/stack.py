"""The reference stack's libraries: which of the bundle's wheels fit, what is there."""

from __future__ import annotations

import ctypes
import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path
from typing import Optional

from . import driver

# What is looked for, by the name of its distribution.
DISTRIBUTIONS = (
    "pynvvideocodec",
    "nvidia-nvimgcodec-cu12",
    "nvidia-nvimgcodec-cu13",
    "nvidia-nvjpeg",
    "nvidia-nvjpeg-cu12",
    "torch",
    "torchvision",
    "cupy-cuda12x",
    "cupy-cuda13x",
    "numpy",
)


def choose(wheels: list[str], python: tuple[int, int], cuda: int) -> list[str]:
    """The wheels for this Python and for the newest CUDA that the driver serves."""
    tag = f"-cp{python[0]}{python[1]}-"
    jpeg = ("nvidia_nvimgcodec_cu13-", "nvidia_nvjpeg-") if cuda >= 13000 else ("nvidia_nvimgcodec_cu12-", "nvidia_nvjpeg_cu12-")
    return sorted(
        wheel
        for wheel in wheels
        if (wheel.startswith("pynvvideocodec-") and tag in wheel) or wheel.startswith(jpeg)
    )


def install(folder: Path, target: Path, cuda: int) -> None:
    """Unpacks what fits into target. Nothing else on the machine changes."""
    names = choose([wheel.name for wheel in folder.glob("*.whl")], sys.version_info[:2], cuda)
    if not any(name.startswith("pynvvideocodec-") for name in names):
        raise RuntimeError(f"the bundle has no PyNvVideoCodec for Python {platform.python_version()}")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index"]
    command += ["--no-deps", "--no-compile", "--no-cache-dir", "--target", str(target)]
    command += [str(folder / name) for name in names]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"pip: {done.stderr.strip()[-1000:]}")


def versions(target: Optional[Path] = None) -> dict[str, Optional[str]]:
    """The version of each distribution, None where it is missing."""
    path = ([str(target)] if target else []) + sys.path
    found: dict[str, Optional[str]] = {name: None for name in DISTRIBUTIONS}
    for distribution in importlib.metadata.distributions(path=path):
        name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
        if name in found and found[name] is None:
            found[name] = distribution.version
    return found


def encoder_library() -> bool:
    """Whether the driver has libnvidia-encode, without which PyNvVideoCodec won't load."""
    try:
        ctypes.CDLL("libnvidia-encode.so.1")
    except OSError:
        return False
    return True


def machine() -> dict[str, object]:
    """What is known of Python and the card. What cannot be read is None, with the reason."""
    out: dict[str, object] = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "gpu": None,
        "driver": None,
        "cuda": None,
    }
    try:
        nvml = driver.Nvml()
        out["gpu"], out["driver"] = nvml.device_name(), nvml.driver_version()
    except (driver.DriverError, AttributeError) as err:
        out["nvml_error"] = str(err)
    try:
        out["cuda"] = driver.Cuda().version()
    except (driver.DriverError, AttributeError) as err:
        out["cuda_error"] = str(err)
    return out
