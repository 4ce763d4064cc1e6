#!/usr/bin/python3
"""Follows cameras and gets each frame as a numpy array: watch.py SECONDS_OF_WORK [CAMERA...].

SECONDS_OF_WORK stands for what a program does with a frame. However long that is, the
next frame is the newest there is: with one credit nothing is sent ahead.
"""

import queue
import sys
import time

import grpc
import numpy as np

from frameport_client import MAX_MESSAGE, connect, reason
from frameport.v1 import frame_service_pb2 as api
from frameport.v1 import frame_service_pb2_grpc, output_pb2


def pixels(frame):
    """Returns a BGR24 or RGB24 frame as an array of shape (height, width, 3), without a copy."""
    plane = frame.planes[0]
    return np.ndarray((frame.height, frame.width, 3), np.uint8, frame.data, plane.offset, (plane.stride, 3, 1))


work, cameras = float(sys.argv[1]), sys.argv[2:]
requests = queue.SimpleQueue()
requests.put(api.WatchFramesRequest(start=api.WatchFramesStart(
    camera_ids=cameras,
    output=output_pb2.OutputSpec(format=output_pb2.IMAGE_FORMAT_BGR24, width=640),
    max_message_bytes=MAX_MESSAGE,
)))
with connect() as channel:
    frames = frame_service_pb2_grpc.FrameServiceStub(channel)
    # gRPC takes requests from the queue on a thread of its own; None ends them.
    responses = frames.WatchFrames(iter(requests.get, None))
    try:
        for number, response in enumerate(responses):
            frame = response.frame
            age = time.time() - frame.received_time.ToNanoseconds() / 1e9
            image = pixels(frame)
            print(f"{frame.camera_id} {frame.epoch}/{frame.sequence} {image.shape} mean {image.mean():.1f} "
                  f"age {age * 1000:.0f} ms, skipped {frame.skipped.slow_consumer}")
            time.sleep(work)
            if number == 4:
                break
            requests.put(api.WatchFramesRequest(credits=1))  # ready for the next one
    except grpc.RpcError as error:
        sys.exit(f"{error.code().name} {reason(error)[0]}: {error.details()}")
    finally:
        requests.put(None)
        responses.cancel()
