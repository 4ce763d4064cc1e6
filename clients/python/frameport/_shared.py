"""Shared memory that batches lie in."""

from __future__ import annotations

import mmap
from typing import Any, List, Optional

from . import _requests, batches
from ._proto.v1 import share_pb2
from .batches import Batch
from .errors import NotPossible


class Reader:
    """Makes batches of a stream's messages, and the requests for the next one: with
    delivery "shared_memory" the memory comes first, and each batch is given back when the
    next one is asked for."""

    def __init__(self) -> None:
        self._memory: Optional[mmap.mmap] = None
        self._lease = 0
        self._granted = True  # by the start

    def take(self, message: Any) -> Optional[Batch]:
        """Returns the batch of a message, or None for one that is about memory."""
        if message.WhichOneof("response") == "region":
            self._map(message.region)
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
        if self._lease:
            asked.insert(0, _requests.give_back(self._lease))
        return asked

    def _map(self, region: share_pb2.SharedRegion) -> None:
        # Never closed by hand: arrays refer to it, and the last one that goes takes it along.
        try:
            with open(region.key, "rb") as file:
                self._memory = mmap.mmap(file.fileno(), region.offset + region.byte_size, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise NotPossible(
                f"the worker's shared memory can't be read: {error}; this program must run on the worker's machine, "
                f'see its {region.key} and run as its user. delivery="inline" works everywhere'
            ) from error
