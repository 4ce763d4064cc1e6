"""Where a picture belongs and when it was: what frames and entries of batches share."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Optional, Tuple

from . import _times

if TYPE_CHECKING:
    from .clock import Clock


class Moment:
    """Times in handier forms. Classes that derive from it hold the fields."""

    if TYPE_CHECKING:

        @property
        def epoch(self) -> int: ...
        @property
        def sequence(self) -> int: ...
        @property
        def pts_ns(self) -> int: ...
        @property
        def capture_time_ns(self) -> int: ...
        @property
        def received_time_ns(self) -> int: ...
        @property
        def decoded_time_ns(self) -> int: ...
        @property
        def sent_time_ns(self) -> int: ...

    @property
    def position(self) -> Tuple[int, int]:
        """(epoch, sequence): orders the frames of a camera."""
        return self.epoch, self.sequence

    @property
    def pts(self) -> float:
        """Seconds since the epoch began, by the camera's clock."""
        return self.pts_ns / 1e9

    @property
    def capture_time(self) -> datetime:
        """Best known time of the exposure, in UTC."""
        return _times.utc(self.capture_time_ns)

    @property
    def capture_timestamp(self) -> float:
        """The same in seconds since 1970."""
        return self.capture_time_ns / 1e9

    @property
    def received_time(self) -> datetime:
        """When the picture's last packet reached the worker, in UTC by the worker's clock."""
        return _times.utc(self.received_time_ns)

    @property
    def decoded_time(self) -> datetime:
        """When the decoder was done, in UTC by the worker's clock."""
        return _times.utc(self.decoded_time_ns)

    @property
    def sent_time(self) -> datetime:
        """When the worker sent it, in UTC by the worker's clock."""
        return _times.utc(self.sent_time_ns)

    @property
    def worker_age(self) -> float:
        """Seconds from the picture's arrival at the worker until it was sent: one clock, exact."""
        return (self.sent_time_ns - self.received_time_ns) / 1e9

    def age(self, clock: Optional[Clock] = None) -> float:
        """Seconds from the picture's arrival at the worker until now.

        On another machine than the worker's, pass what ``Client.clock()`` returned:
        without it the difference of the two clocks is in the result.
        """
        return _now(clock) - self.received_time_ns / 1e9

    def capture_age(self, clock: Optional[Clock] = None) -> float:
        """Seconds from the exposure until now: as right as the capture time is, and see :meth:`age`."""
        return _now(clock) - self.capture_time_ns / 1e9


def _now(clock: Optional[Clock]) -> float:
    now = time.time()
    return clock.to_worker(now) if clock is not None else now
