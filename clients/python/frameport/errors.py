"""What goes wrong, as exceptions.

All are :class:`FrameportError`. Catch the class you can do something about; look at
``reason`` for the exact case. Reasons are never renamed, new ones may come, and the
classes follow the reason where one is known and the gRPC code otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Mapping, Optional, Sequence, Tuple, Type, Union

import grpc
from google.protobuf.message import DecodeError

from ._channel import DEFAULT_MAX_MESSAGE_BYTES
from ._proto import errors_pb2

_DETAILS = "grpc-status-details-bin"


@dataclass(frozen=True)
class FieldViolation:
    """A field of a request that is wrong."""

    field: str
    """Path of the field in the request: ``"spec.url"``."""
    description: str
    """What is wrong with it, and what is allowed."""


class FrameportError(Exception):
    """A call that did not work. ``str()`` says what happened and what to do."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "UNKNOWN",
        reason: str = "",
        metadata: Optional[Mapping[str, str]] = None,
        field_violations: Sequence[FieldViolation] = (),
        retry_delay: Optional[float] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        """For people."""
        self.code = code
        """Name of the gRPC code: ``"NOT_FOUND"``."""
        self.reason = reason
        """What programs branch on: ``"CAMERA_NOT_FOUND"``. Empty when the error does
        not come from a worker."""
        self.metadata: Dict[str, str] = dict(metadata or {})
        """More for programs: ``camera_id``, ``state``, ``fault_class``, …"""
        self.field_violations: Tuple[FieldViolation, ...] = tuple(field_violations)
        """All wrong fields of the request."""
        self.retry_delay = retry_delay
        """Seconds after which trying again makes sense. None = the worker does not say."""

    def __str__(self) -> str:
        return f"{self.message} [{self.reason}]" if self.reason else self.message

    def __reduce__(self) -> Tuple[object, ...]:
        return _restore, (type(self), self.message, dict(self.__dict__))


def _restore(cls: Type[FrameportError], message: str, state: Dict[str, object]) -> FrameportError:
    error = cls(message)
    error.__dict__.update(state)
    return error


class ConnectionFailed(FrameportError, ConnectionError):
    """No worker answers at the address, or the connection to it was lost."""


class ShuttingDown(ConnectionFailed):
    """The worker is stopping. Connect again in a moment."""


class ClientClosed(FrameportError):
    """The client was closed before the call."""


class CallTimeout(FrameportError, TimeoutError):
    """The worker did not answer within the client's timeout."""


class InvalidRequest(FrameportError, ValueError):
    """An argument is wrong; ``field_violations`` has all that are."""


class CameraNotFound(FrameportError, LookupError):
    """There is no such camera."""


class CameraRemoved(CameraNotFound):
    """The camera was removed during the call."""


class CameraExists(FrameportError):
    """The name is taken by a camera with other settings."""


class NoFrame(FrameportError):
    """The camera has no frame that qualifies."""


class NoFrameYet(NoFrame):
    """The camera has not delivered a frame; metadata ``state`` and ``fault_class`` say why."""


class WaitExpired(NoFrame, TimeoutError):
    """No frame came that is as new as was asked for."""


class DecodeDisabled(NoFrame):
    """The camera's decode mode is "none"."""


class LimitReached(FrameportError):
    """A limit of the worker or of this client is reached."""


class FrameTooLarge(LimitReached):
    """The frame, or a full batch, does not fit into a message; metadata ``required_bytes`` and ``limit_bytes``."""


class SlowConsumer(LimitReached):
    """The worker could write nothing to this client for 10 s and ended the stream."""


class NotPossible(FrameportError):
    """The worker, as it is set up, can't do that, or not for this program: a backend that it
    does not have, memory that the two don't share."""


class SharedMemoryLost(FrameportError):
    """Somebody shortened or removed the worker's shared memory. Begin the stream again."""


class NotAllowed(FrameportError, PermissionError):
    """The worker wants a token or a certificate, or this one may not do that."""


class NotImplementedByWorker(FrameportError):
    """This version of the worker does not have that yet."""


class WorkerFault(FrameportError):
    """A fault of the worker itself. Look at its log."""


_BY_REASON: Mapping[str, Type[FrameportError]] = {
    "CAMERA_NOT_FOUND": CameraNotFound,
    "CAMERA_REMOVED": CameraRemoved,
    "CAMERA_ALREADY_EXISTS": CameraExists,
    "NO_FRAME_YET": NoFrameYet,
    "WAIT_EXPIRED": WaitExpired,
    "DECODE_DISABLED": DecodeDisabled,
    "FRAME_TOO_LARGE": FrameTooLarge,
    "SLOW_CONSUMER": SlowConsumer,
    "SHUTTING_DOWN": ShuttingDown,
    "SHARED_MEMORY_LOST": SharedMemoryLost,
}

_BY_CODE: Mapping[grpc.StatusCode, Type[FrameportError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.DEADLINE_EXCEEDED: CallTimeout,
    grpc.StatusCode.RESOURCE_EXHAUSTED: LimitReached,
    grpc.StatusCode.FAILED_PRECONDITION: NotPossible,
    grpc.StatusCode.UNAUTHENTICATED: NotAllowed,
    grpc.StatusCode.PERMISSION_DENIED: NotAllowed,
    grpc.StatusCode.UNIMPLEMENTED: NotImplementedByWorker,
    grpc.StatusCode.INTERNAL: WorkerFault,
}


def translate(error: grpc.RpcError, address: str) -> FrameportError:
    """Makes the exception that a user sees of gRPC's."""
    code: grpc.StatusCode = error.code()
    text: str = error.details() or ""
    reason, metadata, violations, retry = _details(error.trailing_metadata() or ())
    cls = _BY_REASON.get(reason) or _BY_CODE.get(code, FrameportError)
    if reason == "FRAME_TOO_LARGE" and "the client takes" in text:  # not: half of the worker's shared memory
        text += _larger(metadata)
    if reason == "TOKEN_REQUIRED":
        text += "; here: Client(token=) or FRAMEPORT_TOKEN"
    if not reason:  # not from a worker: gRPC itself, or something else that listens there
        if code is grpc.StatusCode.UNAVAILABLE:
            cls = ConnectionFailed
            text = _unconnected(text, address)
        elif code is grpc.StatusCode.DEADLINE_EXCEEDED:
            text = f"the worker at {address} did not answer in time: raise the client's timeout, or look at the network"
        elif code is grpc.StatusCode.UNIMPLEMENTED:
            text = f"what listens at {address} has no such call: is it a Frameport worker, and as new as this package? gRPC says: {text}"
        elif code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            text = f"{text}; give the client a larger max_message_bytes"
    return cls(
        text or code.name,
        code=code.name,
        reason=reason,
        metadata=metadata,
        field_violations=violations,
        retry_delay=retry,
    )


def _unconnected(text: str, address: str) -> str:
    """Says why there is no connection, as far as gRPC's words show it."""
    lower = text.lower()
    if address.startswith("unix:") and "permission denied" in lower:
        return (
            f"this user may not connect to {address}: run as the worker's user, or start the worker with "
            "--grpc-socket-mode 0660 and join its group"
        )
    if "handshake" in lower:
        return (
            f"no secure connection to {address}: is it a worker with TLS, and tls_ca a file with the authority that "
            f"signed its certificate? gRPC says: {text}"
        )
    if "failed to connect" in lower and ("socket closed" in lower or "http/2" in lower):
        return (
            f"what listens at {address} answers in another way than gRPC in plain text: if it is a worker with TLS, "
            f"give tls_ca; is it the gRPC address, and not that of HTTP? gRPC says: {text}"
        )
    return f"no worker answers at {address}: is it running (frameport serve), and is that its address? gRPC says: {text}"


def _larger(metadata: Mapping[str, str]) -> str:
    """Says how this package's client takes a larger message, where that helps."""
    required, limit = metadata.get("required_bytes", ""), metadata.get("limit_bytes", "")
    if not required.isdecimal() or not limit.isdecimal():
        return ""
    if int(limit) >= DEFAULT_MAX_MESSAGE_BYTES or int(required) > DEFAULT_MAX_MESSAGE_BYTES:
        return ""
    return f"; here: Client(max_message_bytes={required}) or more"


def _details(
    trailers: Sequence[Tuple[str, Union[str, bytes]]],
) -> Tuple[str, Dict[str, str], Sequence[FieldViolation], Optional[float]]:
    reason, metadata, retry = "", {}, None
    violations: Sequence[FieldViolation] = ()
    for key, value in trailers:
        if key != _DETAILS or not isinstance(value, bytes):
            continue
        try:
            for detail in errors_pb2.Status.FromString(value).details:
                kind = detail.type_url.rpartition("/")[2]
                if kind == "google.rpc.ErrorInfo":
                    info = errors_pb2.ErrorInfo.FromString(detail.value)
                    if info.domain == "frameport":
                        reason, metadata = info.reason, dict(info.metadata)
                elif kind == "google.rpc.BadRequest":
                    bad = errors_pb2.BadRequest.FromString(detail.value)
                    violations = [FieldViolation(v.field, v.description) for v in bad.field_violations]
                elif kind == "google.rpc.RetryInfo":
                    retry = errors_pb2.RetryInfo.FromString(detail.value).retry_delay.ToNanoseconds() / 1e9
        except DecodeError:  # then the code has to do
            pass
    return reason, metadata, violations, retry
