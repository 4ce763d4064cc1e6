"""Streams of the blocking client."""

from __future__ import annotations

import queue
from typing import Any, Callable, Generic, Iterator, Optional, TypeVar

import grpc

from . import _requests, batches, frame
from ._proto.v1 import frame_service_pb2
from .batches import Batch
from .errors import ClientClosed, translate
from .frame import Frame, Picture

Item = TypeVar("Item", covariant=True)
Self = TypeVar("Self", bound="Stream[Any]")


class Stream(Generic[Item]):
    """What a watch returns: an iterator that can be closed, from any thread.

    A loop that is left closes it as well, as soon as nothing refers to the stream any
    more. ``with`` makes that explicit. One thread reads a stream.
    """

    def __init__(self, start: Callable[[], Any], result: Callable[[Any], Item], address: str) -> None:
        self._start = start
        self._result = result
        self._address = address
        self._call: Any = None
        self._closed = False

    def __iter__(self: Self) -> Self:
        return self

    def __next__(self) -> Item:
        if self._closed:
            raise StopIteration
        try:
            self._ask()
            message = next(self._call)
        except grpc.RpcError as error:
            cancelled = self._closed or error.code() is grpc.StatusCode.CANCELLED
            self.close()
            if cancelled:  # by close, here or of the client
                raise StopIteration from None
            raise translate(error, self._address) from None
        except StopIteration:
            self.close()
            raise
        except ValueError:  # gRPC's way to say that the channel is closed
            self.close()
            raise ClientClosed("the client is closed: make a new one") from None
        return self._result(message)

    def _ask(self) -> None:
        if self._call is None:
            self._call = self._start()
            if self._closed:  # meanwhile, by another thread
                self._call.cancel()

    def close(self) -> None:
        """Ends the stream. A thread that waits for the next item sees the end of the loop."""
        self._closed = True
        if self._call is not None:
            self._call.cancel()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()


class CreditStream(Stream[Item]):
    """A stream on which an item comes only when it is asked for.

    Asking for the next one is what lets the worker send it, so none grows old in a
    buffer while this program works on the one before.
    """

    def __init__(
        self,
        call: Callable[[Iterator[Any]], Any],
        start: Any,
        credit: Callable[[], Any],
        result: Callable[[Any], Item],
        address: str,
    ) -> None:
        # gRPC takes requests from the queue on a thread of its own; None ends them.
        requests: queue.SimpleQueue[Optional[Any]] = queue.SimpleQueue()
        requests.put(start)
        super().__init__(start=lambda: call(iter(requests.get, None)), result=result, address=address)
        self._requests = requests
        self._credit = credit
        self._asked = False

    def __next__(self) -> Item:
        item = super().__next__()
        self._asked = False
        return item

    def _ask(self) -> None:
        if self._call is not None and not self._asked:  # the start holds the first credit
            self._requests.put(self._credit())
        # Stays set when an interrupt (Ctrl-C) comes before the item: a second credit
        # would bring one that waits here and grows old.
        self._asked = True
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
        super().__init__(watch, start, _requests.one_frame, lambda r: frame.from_message(r.frame), address)


class BatchStream(CreditStream[Batch], Iterator[Batch]):
    """Batches of cameras' newest frames: each is made and sent when the loop asks for it."""

    def __init__(
        self,
        stream: Callable[[Iterator[Any]], Any],
        start: frame_service_pb2.StreamBatchesRequest,
        address: str,
    ) -> None:
        super().__init__(stream, start, _requests.one_batch, lambda r: batches.from_message(r.batch), address)
