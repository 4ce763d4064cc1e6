"""Which shared frames a stream holds."""

from __future__ import annotations

import weakref
from typing import Any, Callable, Dict, Optional

from . import _requests
from ._proto.v1 import share_pb2
from .errors import WorkerFault
from .frame import Skipped, skipped
from .shared import Ring, SharedFrame


class Leases:
    """Makes frames of the messages of ShareFrames, and gives them back.

    The worker leases a frame whenever fewer than allowed are held. Of those that wait
    here the newest counts; the others go back at once.
    """

    def __init__(self, max_leases: int, send: Callable[[Any], None]) -> None:
        self._max = max_leases
        self._send = send
        self._held: Dict[int, SharedFrame] = {}  # by lease, oldest first
        self._newest: Optional[SharedFrame] = None
        # Rings that frames or the newest lease refer to; the last one that goes unmaps.
        self._rings: weakref.WeakValueDictionary[str, Ring] = weakref.WeakValueDictionary()
        self._ring: Optional[Ring] = None
        self._forgotten = False

    def make_room(self) -> None:
        """Gives the oldest frame back when as many are held as are allowed."""
        for frame in list(self._held.values())[: len(self._held) - self._max + 1]:
            frame.release()

    def take(self, message: Any) -> None:
        """Takes what the worker sent."""
        if self._forgotten:
            return
        if message.WhichOneof("response") == "region":
            region = message.region
            self._ring = self._rings.get(region.name) or Ring(region)
            self._rings[region.name] = self._ring
            return
        lease = message.lease
        ring = self._rings.get(lease.region)
        if ring is None:
            raise WorkerFault(f"the worker leased a frame in the region {lease.region}, of which it said nothing")
        ring.check(lease)
        count = skipped(lease.skipped)
        older, self._newest = self._newest, None
        if older is not None:
            self._return(older)
            count = _sum(count, older.skipped)
        self._newest = SharedFrame(ring, lease, count, self._release)

    def newest(self) -> Optional[SharedFrame]:
        """Returns the newest frame that waits, which is now the loop's."""
        frame, self._newest = self._newest, None
        if frame is not None:
            self._held[frame._lease.lease_id] = frame
        return frame

    def forget(self) -> None:
        """Forgets all frames: their leases have ended with the stream."""
        self._forgotten = True
        self._held.clear()
        self._newest = self._ring = None

    def _release(self, frame: SharedFrame) -> None:
        if self._held.pop(frame._lease.lease_id, None) is not None:
            frame._ring.memory.settle()
            self._return(frame)

    def _return(self, frame: SharedFrame) -> None:
        self._send(_requests.release(frame._lease.lease_id))


def _sum(newer: Skipped, older: Skipped) -> Skipped:
    """Adds what was skipped before a frame that is left out, and that frame."""
    return Skipped(
        newer.policy + older.policy,
        newer.slow_consumer + older.slow_consumer + 1,
        newer.network + older.network,
        newer.decode + older.decode,
    )
