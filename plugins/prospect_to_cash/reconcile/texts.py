"""What was found, as text: a table of counts for logs, and the findings one by one for a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from prospect_to_cash.reconcile.findings import KINDS, Finding

_COLUMNS = ("ours", "compared", *KINDS, "pending", "in_doubt", "settled", "changed_meanwhile")


def table(counts: Sequence[tuple[str, Mapping[str, int]]]) -> str:
    """One line per write, with counts alone."""
    if not counts:
        return "Nothing was compared: no flow has been built yet."
    rows = [["write", *(name.replace("_", " ") for name in _COLUMNS)]]
    rows += [[write, *(str(found.get(name, 0)) for name in _COLUMNS)] for write, found in counts]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def render(counts: Sequence[tuple[str, Mapping[str, int]]], found: Sequence[Finding], is_cut: bool) -> str:
    """The table, then each finding with its record and values."""
    parts = [table(counts)]
    if found:
        parts.append("\n".join(map(_line, found)))
    if is_cut:
        parts.append("There are more: select * from sync.finding where resolved_at is null.")
    if found:
        parts.append("What each kind means and what to do: docs/reconcile.md.")
    return "\n\n".join(parts)


def _line(finding: Finding) -> str:
    place = f"{finding.write} {finding.kind}: {finding.record}"
    if not finding.field:
        return place
    ours, theirs = (json.dumps(value, ensure_ascii=False) for value in (finding.ours, finding.theirs))
    return f"{place} {finding.field}: ours {ours}, theirs {theirs}"
