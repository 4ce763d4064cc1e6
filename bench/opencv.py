"""One thread per camera: every frame decoded, one JPEG a second. Prints totals.

"read" converts every frame to BGR, as programs written with read() do; "grab"
converts only the frames that become JPEG.
"""
import sys
import threading
import time

import cv2

mode, urls = sys.argv[1], sys.argv[2:]
frames = [0] * len(urls)
jpegs = [0] * len(urls)


def camera(i, url):
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    due = 0.0
    while True:
        if mode == "read":
            ok, picture = capture.read()
        else:
            ok, picture = capture.grab(), None
        if not ok:
            return
        frames[i] += 1
        if time.monotonic() < due:
            continue
        due = time.monotonic() + 0.99
        if picture is None:
            _, picture = capture.retrieve()
        if cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[0]:
            jpegs[i] += 1


for i, url in enumerate(urls):
    threading.Thread(target=camera, args=(i, url), daemon=True).start()
while True:
    time.sleep(0.5)
    print(sum(frames), sum(jpegs), flush=True)
