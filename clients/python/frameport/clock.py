"""How far two clocks are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable

from .errors import FrameportError


@dataclass(frozen=True)
class Clock:
    """The worker's clock compared with this machine's.

    Clocks drift apart and are stepped: take a new comparison from time to time when
    milliseconds matter.
    """

    offset: float
    """Worker's clock minus this machine's, in seconds; positive when the worker is ahead."""
    error: float
    """Bound of offset's error in seconds: half of the round trip."""
    round_trip: float
    """Time on the way there and back in seconds, of the fastest probe."""

    def to_client(self, worker_timestamp: float) -> float:
        """Turns seconds since 1970 of the worker's clock into those of this machine's."""
        return worker_timestamp - self.offset

    def to_worker(self, client_timestamp: float) -> float:
        """Turns seconds since 1970 of this machine's clock into those of the worker's."""
        return client_timestamp + self.offset


@dataclass(frozen=True)
class Probe:
    """The four times of one GetClock, in nanoseconds since 1970 of the clock that read them."""

    client_send: int
    worker_receive: int
    worker_send: int
    client_receive: int

    @property
    def round_trip(self) -> int:
        """Nanoseconds on the way, the worker's own time left out."""
        return (self.client_receive - self.client_send) - (self.worker_send - self.worker_receive)

    @property
    def offset(self) -> float:
        """Worker's clock minus client's in nanoseconds, if both ways took equally long."""
        return ((self.worker_receive - self.client_send) + (self.worker_send - self.client_receive)) / 2


def estimate(probes: Iterable[Probe]) -> Clock:
    """Takes the probe with the smallest round trip: it leaves the least room for error.

    The true offset is off by at most half of the round trip, when all of it went into
    one direction (RFC 5905, section 8). A negative round trip means that a clock was
    stepped meanwhile; such a probe tells nothing.
    """
    sound = [p for p in probes if p.round_trip >= 0]
    if not sound:
        raise FrameportError("a clock was set while it was measured: try again")
    best = min(sound, key=lambda p: p.round_trip)
    return Clock(offset=best.offset / 1e9, error=best.round_trip / 2e9, round_trip=best.round_trip / 1e9)
