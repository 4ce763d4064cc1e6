"""slim.py FROM... TO: copies wheels into folder TO without what isn't run.

Eight wheels as they are published are 180 MB, most of it FFmpeg's sources, three
copies of one library, sample notebooks, and codecs that nothing here asks for.
The result is for this machine's build folder, not for handing on.
"""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

_BALLAST = [
    re.compile(pattern)
    for pattern in (
        r"(samples|benchmarks)/",
        r"[^/]+\.data/data/",
        r"PyNvVideoCodec/lib\w+\.so$",  # the loader asks for libavformat.so.63
        r"PyNvVideoCodec/lib\w+\.so\.\d+\.",
        r"nvidia/nvimgcodec/(include|tools)/",
        r"nvidia/nvimgcodec/extensions/(?!libnvjpeg_ext)",
        r"nvidia/nvimgcodec/nvimgcodec_impl\.cpython-(39|314|\d+t)-",
        r"nvidia/(nvjpeg|cu13)/include/",
    )
]


def ballast(name: str) -> bool:
    """Whether a wheel's file is left out."""
    return any(pattern.match(name) for pattern in _BALLAST)


def slim(source: Path, target: Path) -> None:
    """Writes target: source without ballast, its RECORD included."""
    with zipfile.ZipFile(source) as wheel, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for entry in wheel.infolist():
            if ballast(entry.filename) or entry.is_dir():
                continue
            data = wheel.read(entry)
            if entry.filename.endswith(".dist-info/RECORD"):
                lines = data.decode().splitlines(keepends=True)
                data = "".join(line for line in lines if not ballast(line.split(",")[0])).encode()
            out.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)


def main() -> None:
    *sources, target = map(Path, sys.argv[1:])
    for source in sources:
        slim(source, target / source.name)


if __name__ == "__main__":
    main()
