"""Times of the contract as nanoseconds, seconds and datetimes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Optional

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def moment(message: Any, field: str) -> Optional[datetime]:
    """Returns a Timestamp field as datetime in UTC, None when it is unset."""
    return utc(getattr(message, field).ToNanoseconds()) if message.HasField(field) else None


def seconds(message: Any, field: str) -> Optional[float]:
    """Returns a Duration field in seconds, None when it is unset."""
    return float(getattr(message, field).ToNanoseconds() / 1e9) if message.HasField(field) else None


def utc(nanoseconds: int) -> datetime:
    """Returns nanoseconds since 1970 as datetime in UTC, cut off to microseconds."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def set_duration(field: Any, value: float) -> None:
    """Sets a Duration field to seconds."""
    field.FromNanoseconds(round(value * 1e9))
