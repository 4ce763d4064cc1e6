"""One picture to a FLOAT32 NCHW letterboxed tensor with OpenCV on one core, in ms.

The reference of BenchmarkTensor in convert/hostconv. "resize" begins with BGR, as a
program with cv2.VideoCapture has it; "yuv" begins with I420, as a decoder makes it and
as Frameport does. "numpy" normalises with numpy, "blob" with cv2.dnn.blobFromImage.
The smallest of 60 runs.
"""
import time

import cv2
import numpy as np

cv2.setNumThreads(1)


def letterbox(bgr, size, out):
    h, w = bgr.shape[:2]
    scale = min(size / w, size / h)
    iw, ih = round(w * scale), round(h * scale)
    x, y = (size - iw) // 2, (size - ih) // 2
    out[:] = 114
    cv2.resize(bgr, (iw, ih), dst=out[y:y + ih, x:x + iw], interpolation=cv2.INTER_LINEAR)
    return out


def numpy_tensor(box, out):
    for c in range(3):
        np.multiply(box[:, :, 2 - c], np.float32(1 / 255), out=out[c])


def blob_tensor(box, _):
    cv2.dnn.blobFromImage(box, 1 / 255, swapRB=True)


def best(work):
    low = float("inf")
    for _ in range(60):
        begin = time.perf_counter()
        for _ in range(5):
            work()
        low = min(low, (time.perf_counter() - begin) / 5)
    return low * 1e3


for width, height, size in ((1280, 720, 640), (1280, 720, 416), (1280, 720, 960), (1920, 1080, 640)):
    rng = np.random.default_rng(1)
    yuv = rng.integers(0, 256, (height * 3 // 2, width), dtype=np.uint8)
    bgr = cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR_I420)
    box = np.empty((size, size, 3), np.uint8)
    out = np.empty((3, size, size), np.float32)
    for name, normalise in (("numpy", numpy_tensor), ("blob", blob_tensor)):
        resize = best(lambda: normalise(letterbox(bgr, size, box), out))
        whole = best(lambda: normalise(letterbox(cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR_I420), size, box), out))
        print(f"{height}p to {size} {name}: resize {resize:.3f} ms, yuv {whole:.3f} ms", flush=True)
