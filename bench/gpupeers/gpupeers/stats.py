"""Arithmetic on what was measured. Needs neither a GPU nor a library."""

from __future__ import annotations

import math
from typing import Any, Optional, Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many percent do not exceed."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _column(rows: Sequence[dict[str, Any]]) -> Optional[str]:
    """The gauge that has a value in every row with streams; NVML first."""
    for name in ("nvml_mib", "cuda_mib"):
        if rows and all(row.get(name) is not None for row in rows):
            return name
    return None


def memory(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What a process costs without streams, and what one more stream costs.

    marginal_mib is the average from the first stream to the last step: the first
    pays for what all share. step_mib is the average within each step.
    """
    stages = {row["stage"]: row for row in rows if row["streams"] == 0}
    counted = [row for row in rows if row["streams"] > 0]
    out: dict[str, Any] = {"gauge": None, "fixed_mib": None, "first_mib": None, "marginal_mib": None, "step_mib": {}}
    ready, nothing = stages.get("ready"), stages.get("nothing")
    if ready and nothing and ready.get("nvml_mib") is not None and nothing.get("nvml_mib") is not None:
        out["fixed_mib"] = round(ready["nvml_mib"] - nothing["nvml_mib"], 2)
    base = [ready] if ready else []
    column = _column(base + counted)
    if column is None:
        return out
    out["gauge"] = column
    before: Optional[dict[str, Any]] = ready
    for row in counted:
        if before is not None:
            more = row["streams"] - before["streams"]
            out["step_mib"][str(row["streams"])] = round((row[column] - before[column]) / more, 2)
        before = row
    if ready and counted and counted[0]["streams"] == 1:
        out["first_mib"] = round(counted[0][column] - ready[column], 2)
    if len(counted) > 1:
        more = counted[-1]["streams"] - counted[0]["streams"]
        out["marginal_mib"] = round((counted[-1][column] - counted[0][column]) / more, 2)
    return out
