"""Streams of the client for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, AsyncIterator, Callable, Generic, Iterable, Optional, TypeVar, cast

import grpc
import grpc.aio

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
    """What a watch returns: an asynchronous iterator that can be closed.

    One task reads a stream. ``asyncio.wait_for(stream.__anext__(), seconds)`` bounds how
    long the next item is waited for; when it expires, the stream goes on and the item
    comes with the next step.
    """

    def __init__(self, start: Callable[[], Any], result: Callable[[Any], Item], address: str) -> None:
        self._start = start
        self._result = result
        self._address = address
        self._call: Any = None
        self._closed = False
        self._pending: Optional[asyncio.Future[Any]] = None

    def __aiter__(self: Self) -> Self:
        return self

    async def __anext__(self) -> Item:
        if self._closed:
            raise StopAsyncIteration
        if self._pending is None:
            self._pending = asyncio.ensure_future(self._next())
        # Cancelling a read of gRPC's ends the call. Shielded, only the waiting ends.
        message = await asyncio.shield(self._pending)
        self._pending = None
        if message is grpc.aio.EOF:
            self._end()
            raise StopAsyncIteration
        return self._result(message)

    async def _next(self) -> Any:
        try:
            if self._call is None:
                self._call = self._start()
            await self._ask()
            return await self._call.read()
        except asyncio.CancelledError:
            return grpc.aio.EOF  # closed
        except (grpc.RpcError, grpc.aio.UsageError) as error:
            self._end()
            if _cancelled(error):
                return grpc.aio.EOF
            raise self._translated(error) from None

    def _translated(self, error: Exception) -> Exception:
        if isinstance(error, grpc.RpcError):
            return translate(error, self._address)
        if isinstance(error, grpc.aio.UsageError):
            return ClientClosed("the client is closed: make a new one")
        return error

    async def _ask(self) -> None:
        """Asks for the next item, where items come only when asked for."""

    def _end(self) -> None:
        self._closed = True
        if self._call is not None:
            self._call.cancel()

    async def close(self) -> None:
        """Ends the stream. A task that waits for the next item sees the end of the loop."""
        self._end()
        if self._pending is not None:
            await asyncio.wait([self._pending])

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def __del__(self) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed, and the call with it
            self._end()


def _cancelled(error: Exception) -> bool:
    return isinstance(error, grpc.RpcError) and error.code() is grpc.StatusCode.CANCELLED


class CreditStream(Stream[Item]):
    """A stream on which an item comes only when it is asked for."""

    def __init__(
        self,
        call: Callable[[], Any],
        start: Any,
        credit: Callable[[], Iterable[Any]],
        result: Callable[[Any], Item],
        address: str,
    ) -> None:
        super().__init__(call, result, address)
        self._request = start
        self._credit = credit

    async def _ask(self) -> None:
        if self._request is not None:  # the start holds the first credit
            await self._call.write(self._request)
            self._request = None
            return
        for request in self._credit():
            await self._call.write(request)


class FrameStream(CreditStream[Frame[Picture]]):
    """Frames of cameras, always the newest; see :class:`frameport.FrameStream`."""

    def __init__(
        self, watch: Callable[[], Any], start: frame_service_pb2.WatchFramesRequest, address: str
    ) -> None:
        super().__init__(watch, start, lambda: [_requests.one_frame()], lambda r: frame.from_message(r.frame), address)


class BatchStream(CreditStream[Batch]):
    """Batches of cameras' newest frames; see :class:`frameport.BatchStream`."""

    def __init__(
        self, stream: Callable[[], Any], start: frame_service_pb2.StreamBatchesRequest, address: str
    ) -> None:
        self._reader = reader = _shared.Reader()
        # What take returns for a region is None, and does not leave __anext__.
        take = cast("Callable[[Any], Batch]", reader.take)
        super().__init__(stream, start, reader.requests, take, address)

    def _end(self) -> None:
        self._reader.forget()
        super()._end()

    async def __anext__(self) -> Batch:
        batch: Optional[Batch] = None
        while batch is None:
            try:
                batch = await super().__anext__()
            except NotPossible:  # no memory: nobody will read on
                self._end()
                raise
        return batch


class ShareStream(Stream[SharedFrame]):
    """Shared frames of a camera, the newest at every step; see :meth:`frameport.Client.share`.

    Frames are given back on the event loop's thread.
    """

    def __init__(
        self,
        share: Callable[[AsyncIterator[Any]], Any],
        start: frame_service_pb2.ShareFramesRequest,
        address: str,
    ) -> None:
        self._requests = requests = asyncio.Queue()  # type: asyncio.Queue[Any]
        requests.put_nowait(start)
        super().__init__(lambda: share(_all(requests)), lambda m: m, address)
        self._messages: asyncio.Queue[Any] = asyncio.Queue()
        self._leases = Leases(start.open.max_leases, requests.put_nowait)
        self._reading: Optional[asyncio.Task[None]] = None
        self._ended: Optional[Exception] = None

    async def __anext__(self) -> SharedFrame:
        if self._closed:
            raise StopAsyncIteration
        if self._reading is None:
            self._begin()
        self._leases.make_room()
        try:
            while True:
                if self._ended is None:
                    self._take(await self._messages.get())
                while self._ended is None and not self._messages.empty():  # what came meanwhile is newer
                    self._take(self._messages.get_nowait())
                newest = self._leases.newest()
                if newest is not None:
                    return newest
                if self._ended is not None:
                    self._fail(self._ended)
        except (NotPossible, WorkerFault):  # no memory: nobody will read on
            self._end()
            raise

    def _begin(self) -> None:
        try:
            self._call = self._start()
        except grpc.aio.UsageError as error:
            self._end()
            raise self._translated(error) from None
        # It knows nothing of the stream, so that one that is left can go.
        self._reading = asyncio.ensure_future(_read_on(self._call, self._messages))

    def _take(self, message: Any) -> None:
        if isinstance(message, Exception):
            self._ended = message
        else:
            self._leases.take(message)

    def _fail(self, error: Exception) -> None:
        """Ends the loop for what ended the call."""
        cancelled = self._closed or _cancelled(error)
        self._end()
        if cancelled or isinstance(error, StopAsyncIteration):
            raise StopAsyncIteration
        raise self._translated(error) from None

    def _end(self) -> None:
        self._leases.forget()  # first: memory of a GPU is closed before its owner frees it
        if not self._closed:
            self._requests.put_nowait(None)
        super()._end()

    async def close(self) -> None:
        """Ends the stream and all its leases. A task that waits for the next frame sees the
        end of the loop."""
        self._end()
        if self._reading is not None:
            await asyncio.wait([self._reading])


async def _all(requests: asyncio.Queue[Any]) -> AsyncIterator[Any]:
    """Gives gRPC the requests. It waits for them in a task of its own, until a None comes."""
    while True:
        request = await requests.get()
        if request is None:
            return
        yield request


async def _read_on(call: Any, messages: asyncio.Queue[Any]) -> None:
    """Reads all messages of the call. An error is the last thing that the reader gets."""
    try:
        while True:
            message = await call.read()
            if message is grpc.aio.EOF:
                messages.put_nowait(StopAsyncIteration())
                return
            messages.put_nowait(message)
    except asyncio.CancelledError:
        messages.put_nowait(StopAsyncIteration())
    except Exception as error:
        messages.put_nowait(error)
