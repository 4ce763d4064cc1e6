"""What all examples need: a connection, and the reason of an error."""

import os
import sys

import grpc

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "stubs"))

import errors_pb2  # noqa: E402

# A 4K BGR frame has 24.9 MB; gRPC refuses more than 4 MiB unless told otherwise.
# Requests repeat the number in max_message_bytes.
MAX_MESSAGE = 32 << 20

ADDRESS = os.environ.get("FRAMEPORT_ADDRESS", "127.0.0.1:50051")


def connect():
    return grpc.insecure_channel(ADDRESS, options=[("grpc.max_receive_message_length", MAX_MESSAGE)])


def reason(error):
    """Returns (reason, metadata) of a grpc.RpcError, ("", {}) when it has none."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in errors_pb2.Status.FromString(value).details:
                if detail.type_url.endswith("/google.rpc.ErrorInfo"):
                    info = errors_pb2.ErrorInfo.FromString(detail.value)
                    return info.reason, dict(info.metadata)
    return "", {}
