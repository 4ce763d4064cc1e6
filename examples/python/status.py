#!/usr/bin/python3
"""Prints how cameras are and every change, until it is stopped: status.py [LABEL_SELECTOR]."""

import sys
import time

import grpc

from frameport_client import ADDRESS, connect, reason
from frameport.v1 import camera_service_pb2 as api
from frameport.v1 import camera_service_pb2_grpc, camera_status_pb2



def follow(cameras, selector):
    # Without a backlog: the state of every camera now, then SYNCED, then changes.
    for event in cameras.WatchCameras(api.WatchCamerasRequest(label_selector=selector)):
        kind = api.CameraEventType.Name(event.type).removeprefix("CAMERA_EVENT_TYPE_")
        if not event.HasField("camera"):
            print(kind, flush=True)
            continue
        status = event.camera.status
        state = camera_status_pb2.CameraState.Name(status.state).removeprefix("CAMERA_STATE_")
        fault = getattr(status.fault, "class")  # a keyword in Python
        fault = camera_status_pb2.FaultClass.Name(fault).removeprefix("FAULT_CLASS_") if fault else "-"
        print(kind, event.camera.camera_id, state, fault, event.cause, flush=True)


selector = sys.argv[1] if len(sys.argv) > 1 else ""
try:
    with connect() as channel:
        cameras = camera_service_pb2_grpc.CameraServiceStub(channel)
        while True:
            try:
                follow(cameras, selector)
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    sys.exit(f"{error.code().name} {reason(error)[0]}: {error.details()}")
                print(f"no worker answers at {ADDRESS}, retrying", file=sys.stderr)
            time.sleep(1)
except KeyboardInterrupt:
    sys.exit()
