"""A report as text: one table of flows, then the reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prospect_to_cash.report.details import Broken, Detail

DRY_RUN = "This is a dry run: nothing was sent, and created, updated and deactivated are what a run would do."
_COLUMNS = (
    ("flow", "flow"),
    ("read", "read"),
    ("created", "created"),
    ("updated", "updated"),
    ("unchanged", "unchanged"),
    ("deactivated", "deactivated"),
    ("waiting", "waiting"),
    ("held", "held"),
    ("excluded", "excluded"),
    ("rejected", "rejected"),
)

UNITS = (
    "read = records; each has one of the outcomes from created to rejected. A write is one operation sent."
)


def table(reports: Sequence[Mapping[str, object]]) -> str:
    """One line per flow, and one that says what is counted; groups are summed, writes are per target system."""
    head = [title for _, title in _COLUMNS] + ["writes to Sales", "writes to F&O", "seconds"]
    rows = [head]
    for report in reports:
        row = [_cell(report[name]) for name, _ in _COLUMNS]
        if report.get("dry_run"):
            row[0] += " (dry run)"
        writes: Mapping[str, int] = report["writes"]  # type: ignore[assignment]
        row += [str(writes["sales"]), str(writes["finops"]), str(report["seconds"])]
        rows.append(row)
    widths = [max(len(row[n]) for row in rows) for n in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], UNITS])


def of_unit(n: int, unit: str) -> str:
    """A count with its unit, such as ``1 record``; ``unit`` is the singular of a word with a regular plural."""
    return f"{n} {unit}{'' if n == 1 else 's'}"


def summary(found: Sequence[Broken]) -> str:
    """``5 records held (by 7 violations of 3 rules)`` and so on, in one line; '' when no record breaks a rule."""
    return ", ".join(
        f"{of_unit(one.records, 'record')} {one.outcome} "
        f"(by {of_unit(one.violations, 'violation')} of {of_unit(one.rules, 'rule')})"
        for one in found
    )


def reasons(flow: str, found: Sequence[Detail], rules: Sequence[Broken] = ()) -> str:
    """Why records of a flow are held, excluded, rejected or waiting, with a few of them each; '' when none is.

    ``rules`` sums up what breaks rules.
    """
    lines = [f"  {text}"] if found and (text := summary(rules)) else []
    for detail in found:
        lines.append(f"  {detail.outcome} {of_unit(detail.n, 'record')}: {detail.rule}")
        lines += [f"      {record}" for record in detail.records]
        if detail.n > len(detail.records):
            lines.append(f"      ... and {of_unit(detail.n - len(detail.records), 'more record')}")
        if detail.remedy:
            lines.append(f"      What to do: {detail.remedy}")
    return f"{flow}\n" + "\n".join(lines) if lines else ""


def render(
    reports: Sequence[Mapping[str, object]],
    why: Mapping[str, Sequence[Detail]],
    rules: Mapping[str, Sequence[Broken]],
) -> str:
    """The table of flows, then the reasons of every flow that has any."""
    parts = [DRY_RUN] if any(report.get("dry_run") for report in reports) else []
    parts.append(table(reports))
    parts += [text for flow, found in why.items() if (text := reasons(flow, found, rules.get(flow, ())))]
    return "\n\n".join(parts)


def _cell(value: object) -> str:
    return str(sum(value.values())) if isinstance(value, Mapping) else str(value)
