"""`make docs`: the JSON schema of a card and the tables of docs/add_a_flow.md, from the models of the card."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import yaml
from pydantic.fields import FieldInfo

from local.errors import LocalError
from local.paths import Paths
from prospect_to_cash.flow_card import FlowCard, PackageExport, PackageImport, SafetyLimit, Write
from prospect_to_cash.flow_card.reads import READS
from prospect_to_cash.flow_card.schema import schema_text
from prospect_to_cash.flow_card.values import CardModel, duration_text

SCHEMA = Path("dags") / "flows" / "flow_card.schema.json"
PAGE = Path("docs") / "add_a_flow.md"
BEGIN = "<!-- Made by `make docs` from plugins/prospect_to_cash/flow_card: change the descriptions there. -->"
END = "<!-- End of what `make docs` makes. -->"


def tables() -> str:
    """Every field of a card, in one table per place."""
    strategies = [
        [f"`{name}`", _capitalized((model.__doc__ or "").partition(": ")[2])] for name, model in READS.items()
    ]
    return "\n".join(
        [
            _table(["on the card", "", "default"], _rows(FlowCard)),
            _table(["in `safety_limit`", "", "default"], _rows(SafetyLimit)),
            _table(["`strategy` of a read", "reads"], strategies),
            _table(["in `reads`", "with strategy", "", "default"], _rows_of_reads()),
            _table(["in `package` of a read", "", "default"], _rows(PackageExport)),
            _table(["in `writes`", "", "default"], _rows(Write)),
            _table(["in `package` of a write", "", "default"], _rows(PackageImport)),
        ]
    )


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


def _rows(model: type[CardModel]) -> list[list[str]]:
    fields = [(name, model.model_fields[name]) for name in model.card_keys()]
    return [[f"`{name}`", _meaning(name, field), _default(field)] for name, field in fields]


def _rows_of_reads() -> list[list[str]]:
    """One row per field, or several if the meaning of a field depends on the strategy."""
    found: dict[tuple[str, ...], list[str]] = {}
    for strategy, model in READS.items():
        for name in model.card_keys():
            field = model.model_fields[name]
            default = "required" if name == "strategy" else _default(field)
            found.setdefault((f"`{name}`", _meaning(name, field), default), []).append(strategy)
    order = list(dict.fromkeys(name for name, _, _ in found))
    rows = sorted(found.items(), key=lambda row: order.index(row[0][0]))
    return [
        [name, "any" if len(strategies) == len(READS) else ", ".join(strategies), meaning, default]
        for (name, meaning, default), strategies in rows
    ]


def _meaning(name: str, field: FieldInfo) -> str:
    example = f" Example: `{name}: {_yaml(field.examples[0])}`." if field.examples else ""
    return f"{field.description}{example}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if field.default_factory or value in (None, (), ""):
        return ""
    if isinstance(value, CardModel):
        value = value.model_dump()
    return f"`{duration_text(value) if isinstance(value, timedelta) else _yaml(value)}`"


def _yaml(value: object) -> str:
    return (
        yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
        .removesuffix("...\n")
        .strip()
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page(text: str) -> str:
    """The page with new tables between its two comments. LocalError if a comment is missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise LocalError(f"{PAGE} lacks the comments around its tables: restore `{BEGIN}` and `{END}`.")
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def main() -> int:
    """Write the schema and the tables."""
    root = Paths.here().root
    (root / SCHEMA).write_text(schema_text(), encoding="utf-8")
    text = (root / PAGE).read_text(encoding="utf-8")
    (root / PAGE).write_text(page(text), encoding="utf-8")
    print(f"Wrote {SCHEMA} and the tables of {PAGE}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
