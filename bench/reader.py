"""A program that takes frames or batches with the Python client for a time, as bench starts it.

    reader.py ADDRESS WAY SECONDS WORK CAMERA…

WAY is share, watch (inline RGB24), batches (inline) or batches_shared, both of FLOAT32
640x640. WORK is how long it works on each item, in seconds. It takes the item, reads a byte of
every row and of every page of it, and prints one JSON object.
"""
import json
import sys
import time

import numpy as np

import frameport

WARM = 10  # items that are not counted: connections, first pages


def touch(array):
    """Reads a byte of every row and page."""
    rows = array.reshape(-1, array.shape[-1]) if array.ndim == 4 else array.reshape(array.shape[0], -1)
    return int(rows[:, :: 4096 // array.itemsize].astype(np.int64).sum())


def stream(client, way, cameras):
    """Returns an iterator of (arrays, moments)."""
    if way == "share":
        return ((f.planes, [f], f) for f in client.share(cameras[0]))
    if way == "watch":
        return (([f.image], [f], None) for f in client.watch(cameras, format="rgb"))
    delivery = {"batches": "inline", "batches_shared": "shared_memory"}[way]
    batches = client.batches(cameras, width=640, height=640, max_batch_size=len(cameras), delivery=delivery)
    return (([b.tensor], b.entries, None) for b in batches)


def main(address, way, seconds, work, *cameras):
    begin = used = own = 0.0
    items = stream(frameport.Client(address), way, cameras)
    ages, bodies, frames, broken, size = [], [], 0, 0, 0
    for number, (arrays, moments, shared) in enumerate(items):
        if number == WARM:
            ages, bodies, frames, broken = [], [], 0, 0
            begin, used, own = time.perf_counter(), time.process_time(), time.thread_time()
        now, at = time.time_ns(), time.perf_counter()
        for array in arrays:
            touch(array)
        bodies.append(time.perf_counter() - at)
        size = sum(a.nbytes for a in arrays)
        ages += [(now - m.received_time_ns) / 1e6 for m in moments]
        frames += len(moments)
        broken += shared is not None and not shared.valid()
        if number >= WARM and time.perf_counter() - begin >= seconds:
            break
        if work:
            time.sleep(work)
    took, used, own = time.perf_counter() - begin, time.process_time() - used, time.thread_time() - own
    print(json.dumps({
        "items": number - WARM + 1, "frames": frames, "broken": broken, "bytes": size, "seconds": took, "cpu": used, "loop": own,
        "age_mean": float(np.mean(ages)), "age_p50": float(np.median(ages)), "age_p95": float(np.percentile(ages, 95)),
        "body_p50": float(np.median(bodies)) * 1e3,
    }), flush=True)


main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]), *sys.argv[5:])
