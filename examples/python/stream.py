#!/usr/bin/python3
"""Shows why credits exist: stream.py SECONDS_OF_WORK CAMERA [MAX_FPS].

StreamFrames sends without being asked. When the program is slower than the camera,
buffers on the way fill with frames that grow old.
"""

import sys
import time

from frameport_client import connect
from frameport.v1 import frame_service_pb2 as api
from frameport.v1 import frame_service_pb2_grpc, output_pb2

work, camera = float(sys.argv[1]), sys.argv[2]
max_fps = float(sys.argv[3]) if len(sys.argv) > 3 else 0
with connect() as channel:
    frames = frame_service_pb2_grpc.FrameServiceStub(channel)
    responses = frames.StreamFrames(api.StreamFramesRequest(
        camera_ids=[camera], output=output_pb2.OutputSpec(width=320), max_fps=max_fps))
    for number, response in enumerate(responses):
        frame = response.frame
        age = time.time() - frame.received_time.ToNanoseconds() / 1e9
        print(f"{frame.camera_id} {frame.epoch}/{frame.sequence} age {age * 1000:.0f} ms, "
              f"skipped {frame.skipped.slow_consumer}")
        time.sleep(work)
        if number == 4:
            break
    responses.cancel()
