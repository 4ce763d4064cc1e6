"""Batches of FLOAT32 NCHW letterboxed tensors with OpenCV, one after another on one core.

Prints the nanoseconds of each batch. "bgr" begins with BGR, as a program with
cv2.VideoCapture has it: cv2.resize and normalising. "yuv" begins with I420, as a decoder
makes it and as Frameport does. cv2.split before numpy is the fastest way found;
cv2.dnn.blobFromImage takes four times as long.
"""
import sys
import time

import cv2
import numpy as np

mode, (width, height, size, count) = sys.argv[1], map(int, sys.argv[2:])
cv2.setNumThreads(1)
rng = np.random.default_rng(1)
pictures = [rng.integers(0, 256, (height * 3 // 2, width), dtype=np.uint8) for _ in range(count)]
if mode == "bgr":
    pictures = [cv2.cvtColor(p, cv2.COLOR_YUV2BGR_I420) for p in pictures]
scale = min(size / width, size / height)
w, h = round(width * scale), round(height * scale)
x, y = (size - w) // 2, (size - h) // 2
box = np.empty((size, size, 3), np.uint8)
planes = [np.empty((size, size), np.uint8) for _ in range(3)]
tensor = np.empty((count, 3, size, size), np.float32)

while True:
    begin = time.perf_counter_ns()
    for i, picture in enumerate(pictures):
        if mode == "yuv":
            picture = cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420)
        box[:] = 114
        cv2.resize(picture, (w, h), dst=box[y:y + h, x:x + w], interpolation=cv2.INTER_LINEAR)
        cv2.split(box, planes)
        for c in range(3):
            np.multiply(planes[2 - c], np.float32(1 / 255), out=tensor[i, c])
    print(time.perf_counter_ns() - begin, flush=True)
