"""Shared memory that batches lie in."""

from __future__ import annotations

from typing import Any, List, Optional

from . import _regions, _requests, batches
from .batches import Batch


class Reader:
    """Makes batches of a stream's messages, and the requests for the next one: with
    delivery "shared_memory" or "cuda_ipc" the memory comes first, and each batch is given
    back when the next one is asked for."""

    def __init__(self) -> None:
        self._memory: Optional[_regions.Memory] = None
        self._lease = 0
        self._forgotten = False
        self._granted = True  # by the start

    def take(self, message: Any) -> Optional[Batch]:
        """Returns the batch of a message, or None for one that is about memory, or that came
        when the stream was closed."""
        if self._forgotten:
            return None
        if message.WhichOneof("response") == "region":
            self._memory = _regions.open_memory(message.region, instead='delivery="inline"')
            return None
        self._granted = False
        self._lease = message.batch.shared.lease_id
        return batches.from_message(message.batch, self._memory)

    def requests(self) -> List[Any]:
        """Returns what asks for the next batch, once per batch."""
        if self._granted:
            return []
        self._granted = True
        asked = [_requests.one_batch()]
        memory = self._memory
        if self._lease and memory is not None:
            memory.settle()
            asked.insert(0, _requests.give_back(self._lease))
        return asked

    def forget(self) -> None:
        """Lets go of the memory, whose owner frees it when the stream ends."""
        self._forgotten = True
        self._memory = None
