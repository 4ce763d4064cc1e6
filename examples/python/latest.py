#!/usr/bin/python3
"""Writes the newest picture of a camera to a file: latest.py CAMERA FILE."""

import sys

import grpc

from frameport_client import connect, reason
from frameport.v1 import frame_service_pb2 as api
from frameport.v1 import frame_service_pb2_grpc, output_pb2

camera, file = sys.argv[1:]
with connect() as channel:
    frames = frame_service_pb2_grpc.FrameServiceStub(channel)
    request = api.GetFrameRequest(camera_id=camera, output=output_pb2.OutputSpec(width=640, quality=80))
    request.wait.FromSeconds(3)  # for the camera's first frame
    try:
        frame = frames.GetFrame(request, timeout=5).frame
    except grpc.RpcError as error:
        sys.exit(f"{error.code().name} {reason(error)[0]}: {error.details()}")

with open(file, "wb") as f:
    f.write(frame.data)
print(f"{file}: {frame.width}x{frame.height}, {len(frame.data)} bytes, frame {frame.epoch}/{frame.sequence}")
