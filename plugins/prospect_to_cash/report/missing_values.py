"""Values without a mapping, or missing in the target: units, currencies, countries, companies and so on.

python -m prospect_to_cash.report.missing_values [--json] [--database-url URL] FLOW ...

Shows what the last build of each flow found, so do a dry run first. Exit code 1 when a missing value keeps a record back,
2 when the database cannot be read, else 0. The output names values and records: print it, but never log it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from prospect_to_cash.database.connections import connect, database_url
from prospect_to_cash.errors import P2CError
from prospect_to_cash.report.details import fill

# Kinds whose values are counted per field; other kinds are counted once, whichever field has the value.
_BY_FIELD = ("own_field", "choice")

_MISSING = """
select
    rules.covers,
    min(broken.value) as value,
    broken.broken_rule,
    broken.effect,
    array_agg(distinct broken.company) filter (where broken.company <> '') as companies,
    array_agg(distinct broken.field) filter (where broken.field <> '') as fields,
    count(distinct broken.source_key) as records,
    (array_agg(distinct broken.record))[1:3] as examples,
    rules.sentence,
    rules.remedy
from {violations} as broken
inner join seeds.rules as rules on rules.rule = broken.broken_rule and rules.flow = %(flow)s
where rules.covers <> ''
group by
    rules.covers, broken.broken_rule, broken.effect, rules.sentence, rules.remedy, lower(broken.value),
    case when rules.covers = any(%(by_field)s) then broken.field end
order by broken.effect = 'warn', rules.covers, records desc, value
"""


@dataclass(frozen=True)
class Missing:
    """One value that a flow has no mapping for, or that its target does not have.

    ``kind`` is what the rule covers; ``keeps_back``: its records wait, otherwise they are sent without the value;
    ``examples`` are a few of their numbers, ``sentence`` is about the first.
    """

    flow: str
    kind: str
    value: str
    rule: str
    keeps_back: bool
    companies: tuple[str, ...]
    fields: tuple[str, ...]
    records: int
    examples: tuple[str, ...]
    sentence: str
    remedy: str


def missing(connection: Connection, flows: Sequence[str]) -> list[Missing]:
    """The missing values that the last build of each flow found; none for a flow that was never built."""
    found = []
    with connection, connection.cursor() as cursor:
        for flow in flows:
            cursor.execute("select to_regclass(%s)", (f"validation.violations_{flow}",))
            if cursor.fetchone() == (None,):
                continue
            statement = sql.SQL(_MISSING).format(
                violations=sql.Identifier("validation", f"violations_{flow}")
            )
            cursor.execute(statement, {"flow": flow, "by_field": list(_BY_FIELD)})
            for (
                kind,
                value,
                rule,
                effect,
                companies,
                fields,
                n,
                examples,
                sentence,
                remedy,
            ) in cursor.fetchall():
                named = {"record": examples[0], "field": ", ".join(fields or ()), "value": value}
                found.append(
                    Missing(
                        flow=flow,
                        kind=kind,
                        value=value,
                        rule=rule,
                        keeps_back=effect != "warn",
                        companies=tuple(companies or ()),
                        fields=tuple(fields or ()),
                        records=n,
                        examples=tuple(examples),
                        sentence=fill(sentence, named),
                        remedy=fill(remedy, {**named, "record": "each record"}),
                    )
                )
    return found


def as_json(found: Sequence[Missing], unknown: Sequence[str] = ()) -> str:
    """``unknown`` are flows whose dry run failed."""
    return json.dumps(
        {"missing": [asdict(one) for one in found], "not_looked_at": list(unknown)},
        indent=2,
        ensure_ascii=False,
    )


def as_text(found: Sequence[Missing], flows: Sequence[str], unknown: Sequence[str] = ()) -> str:
    """One paragraph per flow: its values in columns, each with its remedy below."""
    parts = []
    for flow in flows:
        if flow in unknown:
            parts.append(f"{flow}\n  could not be checked: its dry run failed, see above")
            continue
        ours = [one for one in found if one.flow == flow]
        parts.append(f"{flow}\n" + ("\n".join(_lines(ours)) if ours else "  nothing is missing"))
    return "\n\n".join(parts)


def _lines(found: Sequence[Missing]) -> list[str]:
    rows = [(_words(one.kind), _value(one), _waiting(one)) for one in found]
    widths = [max(len(row[n]) for row in rows) for n in range(2)]
    lines = []
    for one, (kind, value, waiting) in zip(found, rows, strict=True):
        lines.append(f"  {kind.ljust(widths[0])}  {value.ljust(widths[1])}  {waiting}")
        lines.append(f"      {one.sentence}{_others(one)}")
        lines.append(f"      What to do: {one.remedy}")
    return lines


def _others(one: Missing) -> str:
    named = one.examples[1:]
    more = one.records - len(one.examples)
    return f" Also {', '.join(named)}{f' and {more} more' if more else ''}." if named else ""


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _value(one: Missing) -> str:
    text = f'"{one.value}"' if one.value else "(blank)"
    if one.kind in _BY_FIELD:
        text = f"{', '.join(one.fields)} {text}"
    return f"{text} in {', '.join(one.companies)}" if one.companies else text


def _waiting(one: Missing) -> str:
    many = "1 record" if one.records == 1 else f"{one.records} records"
    if one.keeps_back:
        return f"{many} {'waits' if one.records == 1 else 'wait'}"
    return f"{many} {'goes' if one.records == 1 else 'go'} without"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what the last builds found; the database is the one of `--database-url` or the environment."""
    parser = argparse.ArgumentParser(prog="python -m prospect_to_cash.report.missing_values")
    parser.add_argument("flows", nargs="+", metavar="FLOW")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--not-looked-at", action="append", default=[], metavar="FLOW", help=argparse.SUPPRESS
    )
    parser.add_argument("--database-url", help="libpq URL of the staging database")
    options = parser.parse_args(arguments)
    unknown = options.not_looked_at
    try:
        with connect(
            database_url(options.database_url, os.environ), "p2c_console", "p2c missing values"
        ) as store:
            found = missing(store, [flow for flow in options.flows if flow not in unknown])
    except P2CError as error:
        print(error, file=sys.stderr)
        return 2
    print(as_json(found, unknown) if options.json else as_text(found, options.flows, unknown))
    return 1 if unknown or any(one.keeps_back for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
