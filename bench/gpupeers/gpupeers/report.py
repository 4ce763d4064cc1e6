"""What the parts said, as one document and as text."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from . import stats

SCHEMA = 1


def document(
    when: str, machine: dict[str, Any], versions: dict[str, Optional[str]], parts: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """gpu-peers.json. A part's result is kept also where the part failed later on."""
    out: dict[str, Any] = {"schema": SCHEMA, "when": when, "machine": machine, "versions": versions, "parts": []}
    for part in parts:
        part = dict(part)
        result = part.get("result")
        if part["name"].split("/")[0] in ("vram", "worker") and result:
            part["result"] = {**result, "memory": stats.memory(result["rows"])}
        out["parts"].append(part)
    return out


def _value(value: Optional[float], unit: str) -> str:
    return "not measured" if value is None else f"{value:g} {unit}"


def _lines(part: dict[str, Any]) -> list[str]:
    result = part.get("result")
    if not result:
        return []
    kind = part["name"].split("/")[0]
    if kind == "decode":
        return [f"{row['streams']:>4} streams {row['fps']:>10.1f} frames/s" for row in result["rows"]]
    if kind == "jpeg":
        return [
            f"batch of {row['batch']}: p50 {row['p50_ms']:.3f} ms, p95 {row['p95_ms']:.3f} ms a picture, "
            f"{row['bytes']} bytes, {row['subsampling']}"
            for row in result["rows"]
        ]
    memory = result["memory"]
    lines = [
        f"without streams {_value(memory['fixed_mib'], 'MiB')}, first stream {_value(memory['first_mib'], 'MiB')}, "
        f"one more {_value(memory['marginal_mib'], 'MiB')}"
    ]
    for row in result["rows"]:
        gauges = f"NVML {_value(row['nvml_mib'], 'MiB')}, cuMemGetInfo {_value(row['cuda_mib'], 'MiB')}"
        lines.append(f"{row['stage']:>8} {row['streams']:>3}: {gauges} in use on the card")
    return lines


def text(doc: dict[str, Any]) -> str:
    """gpu-peers.txt: the same, to read."""
    machine = doc["machine"]
    lines = [f"Reference stack, {doc['when']}"]
    lines += [f"{key}: {value if value is not None else 'not found'}" for key, value in machine.items()]
    lines += [f"{name}: {version or 'missing'}" for name, version in doc["versions"].items()]
    for part in doc["parts"]:
        reason = f": {part['reason']}" if part["reason"] else ""
        lines += ["", f"{part['name']}: {part['state']} after {part['seconds']} s{reason}"]
        lines += [f"  {line}" for line in _lines(part)]
    good = sum(part["state"] == "ok" for part in doc["parts"])
    lines += ["", f"{good} of {len(doc['parts'])} parts are complete"]
    return "\n".join(lines) + "\n"
