"""Shows cameras in a window, side by side; without a display it writes a picture.

    python viewer.py [camera …]           # q or Esc ends it
    python viewer.py --frames 20 --output cameras.png

With --no-window it writes a picture in any case: where DISPLAY names a display that does not
answer, OpenCV ends the program ("could not connect to display").

Needs OpenCV. The worker is that of FRAMEPORT_ADDRESS, by default 127.0.0.1:50051.
"""

import argparse
import math
import os
import sys

import numpy as np

import frameport

TITLE = "Frameport"


def opencv():
    """Returns OpenCV, or ends the program with what to do."""
    try:
        import cv2
    except ImportError as error:
        raise SystemExit(
            f"this example needs OpenCV ({error}): pip install opencv-python, or on Debian apt-get install python3-opencv"
        ) from None
    return cv2


def has_display():
    """Says whether windows can be shown. OpenCV ends some programs that try without."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(v) for v in ("DISPLAY", "WAYLAND_DISPLAY"))


def mosaic(pictures):
    """Puts pictures of one size into a grid, (rows * height, columns * width, 3)."""
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    height, width, channels = pictures[0].shape
    grid = np.zeros((rows * height, columns * width, channels), np.uint8)
    for i, picture in enumerate(pictures):
        row, column = divmod(i, columns)
        grid[row * height : (row + 1) * height, column * width : (column + 1) * width] = picture
    return grid


def label(cv2, frame):
    """Returns the frame's picture with its camera and age; what was received is read-only."""
    picture = frame.image.copy()
    text = f"{frame.camera}  {frame.age() * 1000:.0f} ms"
    for color, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        cv2.putText(picture, text, (12, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.7, color, thickness, cv2.LINE_AA)
    return picture


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cameras", nargs="*", help="default: all")
    parser.add_argument("--frames", type=int, help="end after so many; without a display 100")
    parser.add_argument("--output", default="viewer.png", help="what to write without a display (default %(default)s)")
    parser.add_argument("--no-window", action="store_true", help="as if there were no display")
    options = parser.parse_args()
    cv2 = opencv()

    window = has_display() and not options.no_window
    count = options.frames if options.frames or window else 100
    newest = {}
    with frameport.Client() as client:
        # Letterboxed, so that all have one size.
        form = {"format": "bgr", "width": 640, "height": 360, "fit": "letterbox"}
        with client.watch(options.cameras or None, **form) as frames:
            for number, frame in enumerate(frames, 1):
                newest[frame.camera] = label(cv2, frame)
                if window:
                    try:
                        cv2.imshow(TITLE, mosaic([newest[c] for c in sorted(newest)]))
                        if cv2.waitKey(1) & 0xFF in (ord("q"), 27):
                            break
                    except cv2.error:  # opencv-python-headless has no windows
                        window, count = False, count or 100
                if count and number >= count:
                    break
    if window:
        cv2.destroyAllWindows()
        return
    try:
        written = cv2.imwrite(options.output, mosaic([newest[c] for c in sorted(newest)]))
    except cv2.error:  # of an ending that it does not know
        written = False
    if not written:
        raise SystemExit(f"{options.output} could not be written: name a .png or .jpg in a folder that exists")
    print(f"{options.output}: {', '.join(sorted(newest))}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except frameport.FrameportError as error:
        raise SystemExit(str(error)) from None
