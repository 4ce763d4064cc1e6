"""A program that takes frames or batches with the Python client for a time, as bench starts it.

    reader.py ADDRESS WAY SECONDS WORK CAMERA…

WAY is share (a thread and a stream for each camera), watch (inline RGB24), batches (inline)
or batches_shared, both of FLOAT32 640x640. WORK is how long it works on each item, in seconds. It takes the item, reads a byte of
every row and of every page of it, and prints one JSON object.
"""
import json
import sys
import threading
import time

import numpy as np

import frameport

WARM = 10  # items that are not counted: connections, first pages


def touch(array):
    """Reads a byte of every row and page."""
    rows = array.reshape(-1, array.shape[-1]) if array.ndim == 4 else array.reshape(array.shape[0], -1)
    return int(rows[:, :: 4096 // array.itemsize].astype(np.int64).sum())


def streams(client, way, cameras):
    """Returns iterators of (arrays, moments, shared frame)."""
    if way == "share":
        return [((f.planes, [f], f) for f in client.share(camera)) for camera in cameras]
    if way == "watch":
        return [(([f.image], [f], None) for f in client.watch(cameras, format="rgb"))]
    delivery = {"batches": "inline", "batches_shared": "shared_memory"}[way]
    batches = client.batches(cameras, width=640, height=640, max_batch_size=len(cameras), delivery=delivery)
    return [(([b.tensor], b.entries, None) for b in batches)]


class Reader:
    """Takes the items of one stream in a thread of its own."""

    def __init__(self, items, warm, seconds, work):
        self.items, self.warm, self.seconds, self.work = items, warm, seconds, work
        self.ages, self.bodies, self.frames, self.broken, self.size, self.own, self.end = [], [], 0, 0, 0, 0.0, 0.0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        for _ in range(WARM):
            self.take(*next(self.items))
        self.ages, self.bodies, self.frames, self.broken = [], [], 0, 0
        self.warm.wait()
        begin, own = time.perf_counter(), time.thread_time()
        while time.perf_counter() - begin < self.seconds:
            self.take(*next(self.items))
            if self.work:
                time.sleep(self.work)
        self.own, self.end = time.thread_time() - own, time.perf_counter()
        self.items.close()

    def take(self, arrays, moments, shared):
        now, at = time.time_ns(), time.perf_counter()
        for array in arrays:
            touch(array)
        self.bodies.append(time.perf_counter() - at)
        self.size = sum(a.nbytes for a in arrays)
        self.ages += [(now - m.received_time_ns) / 1e6 for m in moments]
        self.frames += len(moments)
        self.broken += shared is not None and not shared.valid()


def main(address, way, seconds, work, *cameras):
    found = streams(frameport.Client(address), way, cameras)
    start = []
    warm = threading.Barrier(len(found), action=lambda: start.append((time.perf_counter(), time.process_time())))
    readers = [Reader(items, warm, seconds, work) for items in found]
    for reader in readers:
        reader.thread.join()
    took, used = max(r.end for r in readers) - start[0][0], time.process_time() - start[0][1]
    ages, bodies = [a for r in readers for a in r.ages], [b for r in readers for b in r.bodies]
    print(json.dumps({
        "items": len(bodies), "frames": sum(r.frames for r in readers), "broken": sum(r.broken for r in readers),
        "bytes": readers[0].size, "seconds": took, "cpu": used, "loop": sum(r.own for r in readers),
        "age_mean": float(np.mean(ages)), "age_p50": float(np.median(ages)), "age_p95": float(np.percentile(ages, 95)),
        "body_p50": float(np.median(bodies)) * 1e3,
    }), flush=True)


main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]), *sys.argv[5:])
