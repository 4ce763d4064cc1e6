"""Streams of the blocking client."""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import Any, Callable, Generic, Iterable, Iterator, NoReturn, Optional, TypeVar, cast

import grpc

from . import _requests, _shared, frame
from ._leases import Leases
from ._proto.v1 import frame_service_pb2
from .batches import Batch
from .errors import ClientClosed, NotPossible, WorkerFault, translate
from .frame import Frame, Picture
from .shared import SharedFrame

Item = TypeVar("Item", covariant=True)
Self = TypeVar("Self", bound="Stream[Any]")


class Stream(Generic[Item]):
    """What a watch returns: an iterator that can be closed, from any thread.

    A loop that is left closes it as well, as soon as nothing refers to the stream any
    more. ``with`` makes that explicit. One thread reads a stream.
    """

    # Note: [Ctrl-C] gRPC waits for messages with a threading.Condition, whose lock is in
    # disorder when a KeyboardInterrupt comes at the wrong moment: then the next call on the
    # stream fails or never returns. Interrupts come in the main thread only, so another one
    # waits for gRPC, and the loop's waits for that with a queue that takes interrupts.

    def __init__(self, start: Callable[[], Any], result: Callable[[Any], Item], address: str) -> None:
        self._start = start
        self._result = result
        self._address = address
        self._call: Any = None
        self._closed = False
        self._asked = False
        self._reads: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def __iter__(self: Self) -> Self:
        return self

    def __next__(self) -> Item:
        if self._closed:
            raise StopIteration
        if not self._asked:
            self._ask()
            # Stays set when an interrupt comes before the item: asking twice would bring
            # one that waits here and grows old.
            self._asked = True
        message = self._messages.get()
        self._asked = False
        if not isinstance(message, Exception):
            return self._result(message)
        self._fail(message)

    def _fail(self, message: Exception) -> NoReturn:
        """Ends the loop for what ended the call."""
        cancelled = self._closed or _cancelled(message)
        self.close()
        if cancelled or isinstance(message, StopIteration):  # cancelled by close, here or of the client
            raise StopIteration from None
        if isinstance(message, grpc.RpcError):
            raise translate(message, self._address) from None
        raise message

    def _ask(self) -> None:
        if self._call is None:
            # It knows nothing of the stream, so that one that is left can go.
            self._begin(_read, self._reads, self._messages)
        self._reads.put(True)

    def _begin(self, read: Callable[..., None], *arguments: Any) -> None:
        """Makes the call, and reads it on a thread."""
        try:
            self._call = self._start()
        except ValueError:  # gRPC's way to say that the channel is closed
            self.close()
            raise ClientClosed("the client is closed: make a new one") from None
        if self._closed:  # meanwhile, by another thread
            self._call.cancel()
        threading.Thread(target=read, args=(self._call, *arguments), name="frameport-stream", daemon=True).start()

    def close(self) -> None:
        """Ends the stream. A thread that waits for the next item sees the end of the loop."""
        self._closed = True
        if self._call is not None:
            self._call.cancel()
        self._reads.put(False)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()


def _read(call: Any, reads: queue.SimpleQueue[bool], messages: queue.SimpleQueue[Any]) -> None:
    """Reads a message of the call for every True. A False or an error ends it, and is the
    last thing that the reader of messages gets."""
    try:
        while reads.get():
            messages.put(next(call))
        messages.put(StopIteration())
    except Exception as error:
        messages.put(error)


def _read_on(call: Any, messages: queue.SimpleQueue[Any]) -> None:
    """Reads all messages of the call. An error is the last thing that the reader gets."""
    try:
        for message in call:
            messages.put(message)
        messages.put(StopIteration())
    except Exception as error:
        messages.put(error)


def _cancelled(error: Exception) -> bool:
    return isinstance(error, grpc.RpcError) and error.code() is grpc.StatusCode.CANCELLED


class CreditStream(Stream[Item]):
    """A stream on which an item comes only when it is asked for.

    Asking for the next one is what lets the worker send it, so none grows old in a
    buffer while this program works on the one before.
    """

    def __init__(
        self,
        call: Callable[[Iterator[Any]], Any],
        start: Any,
        credit: Callable[[], Iterable[Any]],
        result: Callable[[Any], Item],
        address: str,
    ) -> None:
        # gRPC takes requests from the queue on a thread of its own; None ends them.
        requests: queue.SimpleQueue[Optional[Any]] = queue.SimpleQueue()
        requests.put(start)
        super().__init__(start=lambda: call(iter(requests.get, None)), result=result, address=address)
        self._requests = requests
        self._credit = credit

    def _ask(self) -> None:
        if self._call is not None:  # the start holds the first credit
            for request in self._credit():
                self._requests.put(request)
        super()._ask()

    def close(self) -> None:
        super().close()
        self._requests.put(None)


class FrameStream(CreditStream[Frame[Picture]], Iterator[Frame[Picture]]):
    """Frames of cameras, always the newest: each is sent when the loop asks for it."""

    def __init__(
        self,
        watch: Callable[[Iterator[Any]], Any],
        start: frame_service_pb2.WatchFramesRequest,
        address: str,
    ) -> None:
        super().__init__(watch, start, lambda: [_requests.one_frame()], lambda r: frame.from_message(r.frame), address)


class BatchStream(CreditStream[Batch], Iterator[Batch]):
    """Batches of cameras' newest frames: each is made and sent when the loop asks for it."""

    def __init__(
        self,
        stream: Callable[[Iterator[Any]], Any],
        start: frame_service_pb2.StreamBatchesRequest,
        address: str,
    ) -> None:
        self._reader = reader = _shared.Reader()
        # What take returns for a region is None, and does not leave __next__.
        take = cast("Callable[[Any], Batch]", reader.take)
        super().__init__(stream, start, reader.requests, take, address)

    def close(self) -> None:
        """Ends the stream. A thread that waits for the next item sees the end of the loop."""
        self._reader.forget()
        super().close()

    def __next__(self) -> Batch:
        batch: Optional[Batch] = None
        while batch is None:
            try:
                batch = super().__next__()
            except NotPossible:  # no memory: nobody will read on
                self.close()
                raise
        return batch


class ShareStream(Stream[SharedFrame], Iterator[SharedFrame]):
    """Shared frames of a camera, the newest at every step; see :meth:`frameport.Client.share`."""

    def __init__(
        self,
        share: Callable[[Iterator[Any]], Any],
        start: frame_service_pb2.ShareFramesRequest,
        address: str,
    ) -> None:
        # gRPC takes requests from the queue on a thread of its own; None ends them.
        requests: queue.SimpleQueue[Optional[Any]] = queue.SimpleQueue()
        requests.put(start)
        super().__init__(start=lambda: share(iter(requests.get, None)), result=lambda m: m, address=address)
        self._requests = requests
        self._leases = Leases(start.open.max_leases, requests.put)
        self._ended: Optional[Exception] = None

    def __next__(self) -> SharedFrame:
        if self._closed:
            raise StopIteration
        if self._call is None:
            self._begin(_read_on, self._messages)
        self._leases.make_room()
        try:
            while True:
                if self._ended is None:
                    self._take(self._messages.get())
                with contextlib.suppress(queue.Empty):  # what came meanwhile is newer
                    while self._ended is None:
                        self._take(self._messages.get_nowait())
                newest = self._leases.newest()
                if newest is not None:
                    return newest
                if self._ended is not None:
                    self._fail(self._ended)
        except (NotPossible, WorkerFault):  # no memory: nobody will read on
            self.close()
            raise

    def _take(self, message: Any) -> None:
        if isinstance(message, Exception):
            self._ended = message
        else:
            self._leases.take(message)

    def close(self) -> None:
        """Ends the stream and all its leases. A thread that waits for the next frame sees
        the end of the loop."""
        self._leases.forget()  # first: memory of a GPU is closed before its owner frees it
        super().close()
        self._requests.put(None)
