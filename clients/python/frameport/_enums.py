"""Enum values of the contract as the short lower-case words that users see."""

from __future__ import annotations

from typing import Any, Sequence

from .errors import FieldViolation, InvalidRequest


def word(enum: Any, value: int) -> str:
    """Returns "running" for CAMERA_STATE_RUNNING, "" for UNSPECIFIED, and the number
    as text for a value that is newer than this package."""
    if value == 0:
        return ""
    try:
        return str(enum.Name(value))[len(_prefix(enum)) :].lower()
    except ValueError:
        return str(value)


def value(enum: Any, text: str, field: str, reason: str, besides: Sequence[str] = ()) -> Any:
    """Returns the value for a word, in any case. A word that is none, or is in besides,
    raises InvalidRequest."""
    prefix = _prefix(enum)
    name = prefix + text.upper()
    number = enum.DESCRIPTOR.values_by_name.get(name)
    if number is None or number.number == 0 or text.lower() in besides:
        known = [v.name[len(prefix) :].lower() for v in enum.DESCRIPTOR.values if v.number]
        raise wrong(field, f"is {text!r}; give one of {', '.join(k for k in known if k not in besides)}", reason)
    return number.number


def wrong(field: str, description: str, reason: str) -> InvalidRequest:
    """Makes the error for an argument that is not even sent."""
    return InvalidRequest(
        f"{field}: {description}",
        code="INVALID_ARGUMENT",
        reason=reason,
        field_violations=[FieldViolation(field, description)],
    )


def _prefix(enum: Any) -> str:
    zero: str = enum.DESCRIPTOR.values_by_number[0].name
    return zero[: -len("UNSPECIFIED")]
