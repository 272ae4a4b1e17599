"""The first step of an import: records of a file become staged rows, or are rejected one by one.

Formats, lengths, enumeration members, the number of columns and keys that come twice are looked at here
(that the last two are staging errors is assumed).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from d365_sandbox.finops.data_management.archive import PackageError
from d365_sandbox.finops.data_management.files import Records, read_file
from d365_sandbox.finops.data_management.jobs import EntityRun, RowError
from d365_sandbox.finops.data_management.manifest import PackageEntity
from d365_sandbox.finops.data_management.names import element_name, staging_fields, staging_key
from d365_sandbox.finops.data_management.values import Reader, ValueRefused, reader
from d365_sandbox.finops.rows import COMPANY
from d365_sandbox.finops.switches import Switches
from d365_sandbox.schemas.entity import Entity, Fields, fold

COMPANY_COLUMN = COMPANY.upper()
_AT_ONCE = 100  # records between two looks at the clock


@dataclass(frozen=True, slots=True)
class StagedRow:
    """What a record sets, and its key as logs and error files name it."""

    key: tuple[str, ...]
    given: Fields


@dataclass(slots=True)
class Staging:
    """The staged rows of one entity and the records that were rejected."""

    entity: Entity
    columns: tuple[str, ...] = ()
    rows: list[StagedRow] = field(default_factory=list)
    rejected: list[Sequence[str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Column:
    """Where a mapped field stands in the file and how it is read."""

    index: int
    target: str
    name: str
    read: Reader


def _read(columns: list[_Column], row: Sequence[str], given: Fields) -> RowError | None:
    """Fill `given` with the values of a row; the error of the first that cannot be read."""
    for column in columns:
        try:
            given[column.name] = column.read(row[column.index])
        except ValueRefused as refusal:
            return RowError("", column.name.upper(), str(refusal))
    return None


def stage(
    staging: Staging, run: EntityRun, package: PackageEntity, content: bytes, company: str, switches: Switches
) -> Iterator[None]:
    """Fill the staging of one entity. Raises PackageError when the file as a whole cannot be used."""
    entity = staging.entity
    records = read_file(content, package.source_format, package.file, element_name(entity), switches)
    staging.columns = records.columns
    columns, company_at = _columns(entity, package, records, switches)
    keys: list[tuple[int, _Column | None]] = [
        (n, next((c for c in columns if c.target == name), None))
        for n, name in enumerate(staging_key(entity))
    ]
    seen: set[tuple[str, ...]] = set()
    width = len(records.columns)
    for n, row in enumerate(records.rows):
        if n % _AT_ONCE == 0:
            yield
        run.total += 1
        key = tuple(row[c.index] if c is not None and c.index < len(row) else "" for _, c in keys)
        given: Fields = {}
        error = _refusal(row, width, key, seen, company_at, company) or _read(columns, row, given)
        if error is None:
            staging.rows.append(StagedRow(key, given))
        else:
            staging.rejected.append(row)
            run.errors.append(RowError(",".join(key), error.field, error.message))


def _columns(
    entity: Entity, package: PackageEntity, records: Records, switches: Switches
) -> tuple[list[_Column], int | None]:
    """The columns that fill fields, and the one that names the company."""
    fields, places = staging_fields(entity), {name: n for n, name in enumerate(records.columns)}
    found: list[_Column] = []
    company_at: int | None = None
    for mapped in package.maps:
        if mapped.is_generated:
            continue
        index = places.get(mapped.source)
        described = fields.get(mapped.target)
        if described is None and mapped.target == COMPANY_COLUMN and COMPANY in entity.fields:
            company_at = index
            continue
        if described is None or index is None:
            wrong = mapped.target if described is None else mapped.source
            raise PackageError(f"The mapping is incorrect for entity {package.label} and field {wrong}.")
        if described.is_key or described.on_create:
            found.append(_Column(index, mapped.target, described.name, reader(described, switches)))
    return found, company_at


def _refusal(
    row: Sequence[str],
    width: int,
    key: tuple[str, ...],
    seen: set[tuple[str, ...]],
    company_at: int | None,
    company: str,
) -> RowError | None:
    if len(row) != width:
        return RowError("", "", f"The record has {len(row)} columns where the file has {width}.")
    if company_at is not None and fold(row[company_at]) not in ("", company):
        return RowError(
            "", COMPANY_COLUMN, f"The record belongs to company {row[company_at]}, not to {company}."
        )
    if all(key):
        folded = tuple(fold(part) for part in key)
        if folded in seen:
            return RowError("", "", "A record with this key is already in the staging table.")
        seen.add(folded)
    return None
