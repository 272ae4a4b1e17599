"""What a flow card may say: facts about one flow, read from ``dags/flows/<flow>.yaml``.

A card is data only. An unknown key, a missing one or a value of the wrong kind is an error that
names the file, the entry and the remedy, so that a bad card never becomes a DAG that half works.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from prospect_to_cash import package_options

SYSTEMS = ("sales", "finops")
_DURATION = re.compile(r"^(\d+)\s*([smhd])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_CARD_KEYS = {
    "purpose",
    "schedule",
    "order",
    "start_date",
    "max_rejected_share",
    "brake_share",
    "brake_floor",
    "reads",
    "writes",
}
_NAME = re.compile(r"^[a-z][a-z0-9_]*$")
_FIELD = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")
_OWN_COLUMNS = re.compile(r"""own_columns\(\s*["'](\w+)["']\s*(?:,\s*\[(.*?)\]\s*)?\)""", re.S)


class CardError(ValueError):
    """A card says something that a card may not say; the text names file, entry and remedy."""


@dataclass(frozen=True)
class Read:
    """One entity that the flow copies into its raw table.

    ``key`` are the fields that identify a record; ``changed_at`` is the timestamp that strategy
    ``window`` filters on; ``version`` a field whose number only grows; ``every`` the cadence of
    full reads (``None``: at every run); ``expires`` how long the source keeps what strategy ``delta``
    asks for; ``select`` the fields that staging reads. A read with ``when``,
    such as ``{company_from: business_unit}``, is made only where the installation's vars say so.
    Strategy ``package`` exports ``package_entity`` (the label that data management knows) by the data
    project ``package_group``, and everything by ``package_full_group`` where one is named; day and
    month stand in its files as ``package_dates`` says.
    """

    system: str
    entity: str
    key: tuple[str, ...]
    strategy: str
    changed_at: str | None = None
    version: str | None = None
    every: timedelta | None = None
    overlap: timedelta = timedelta(minutes=5)
    lag: timedelta = timedelta(0)
    expires: timedelta = timedelta(days=7)
    page_size: int | None = None
    filter: str | None = None
    select: tuple[str, ...] = ()
    when: Mapping[str, object] | None = None
    package_group: str | None = None
    package_entity: str | None = None
    package_full_group: str | None = None
    package_dates: str = "us"

    @property
    def name(self) -> str:
        """Name of the raw table, of the dbt source's identifier and of the extract task."""
        return f"{self.system}_{snake(self.entity)}"


@dataclass(frozen=True)
class Write:
    """One outbound relation and the entity set that its bodies go to.

    ``key`` are the properties by which an existing record is found, ``id`` the property that
    holds a GUID key (Sales only), ``creates`` false means that the record must exist already,
    ``read_back`` the properties of a created record that are kept beside its identity. ``max_parallel`` is the most
    requests on their way at once, ``bulk`` whether bulk actions are used where the target offers them.
    ``assigned`` are key properties that the target assigns where they are left out, ``find_by`` the
    body's properties by which such a record is found again, and ``find_only`` what it must say to be ours. ``gone`` says
    what becomes of a part that its document has no more: ``delete``, a body such as
    ``{IsInactive: "Yes"}``, or nothing. The creates of a ``principal`` write count as created
    records; so does the write that is named like the flow. With ``via`` package the creates go as
    packages for data project ``package_group`` and entity label ``package_entity``, where there are
    at least ``package_from`` of them; of their bodies ``package_fields`` alone where it names some,
    the rest goes after them. ``package_names`` says which fields the package's entity calls otherwise.
    """

    name: str
    system: str
    entity: str
    key: tuple[str, ...]
    target_set: str = ""
    id: str | None = None
    creates: bool = True
    max_parallel: int = 1
    batch_size: int = 100
    bulk: bool = True
    read_back: tuple[str, ...] = ()
    assigned: tuple[str, ...] = ()
    find_by: tuple[str, ...] = ()
    find_only: Mapping[str, object] | None = None
    gone: str | Mapping[str, object] | None = None
    principal: bool = False
    via: str = "odata"
    package_group: str | None = None
    package_entity: str | None = None
    package_from: int = 1000
    package_fields: tuple[str, ...] = ()
    package_names: Mapping[str, str] | None = None

    @property
    def relation(self) -> str:
        """Name of the dbt model in schema ``outbound`` that holds the bodies."""
        return f"outbound_{self.system}__{self.name}"


@dataclass(frozen=True)
class FlowCard:
    """One flow: the DAG ``prospect_to_cash_<name>`` and the dbt tag ``<name>``.

    A run in which the target rejects more than ``max_rejected_share`` of the records, and more than 20, fails.
    A plan that would touch more than ``brake_share`` of a write's records, and more than ``brake_floor``, stops.
    """

    name: str
    purpose: str
    schedule: str
    order: int
    reads: tuple[Read, ...]
    writes: tuple[Write, ...]
    start_date: datetime = field(default=datetime(2026, 1, 1, tzinfo=UTC))
    max_rejected_share: float = 0.2
    brake_share: float = 0.5
    brake_floor: int = 500
    text: str = ""

    @property
    def dag_id(self) -> str:
        return f"prospect_to_cash_{self.name}"


def snake(entity: str) -> str:
    """``CustomersV3`` -> ``customers_v3``, ``CDSReleasedDistinctProducts`` -> ``cds_released_...``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", entity).lower()


def load_cards(
    folder: Path, dbt_project: Path, variables: Mapping[str, object] | None = None
) -> list[FlowCard]:
    """Every card of a folder, in the order the flows first run (parents before children).

    ``variables`` are the installation's dbt vars: some name further fields that are to be read, and some
    decide whether a read with ``when`` is made. Without them every read of a card is there.
    """
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise CardError(f"{folder} has no flow card (*.yaml): name the folder that holds the cards.")
    columns = {system: source_columns(dbt_project, system) for system in SYSTEMS}
    for (system, table), names in named_columns(dbt_project, variables or {}).items():
        columns[system][table] = tuple(dict.fromkeys([*columns[system].get(table, ()), *names]))
    cards = [load_card(path, columns) for path in paths]
    if variables is not None:
        said = _declared_vars(dbt_project) | dict(variables)
        cards = [replace(card, reads=_wanted(card, said)) for card in cards]
    return sorted(cards, key=lambda card: (card.order, card.name))


def _declared_vars(dbt_project: Path) -> dict[str, object]:
    path = dbt_project / "dbt_project.yml"
    return dict(yaml.safe_load(path.read_text(encoding="utf-8"))["vars"]) if path.is_file() else {}


def _wanted(card: FlowCard, variables: Mapping[str, object]) -> tuple[Read, ...]:
    """The reads whose ``when`` is as the vars say."""
    for read in card.reads:
        unknown = sorted(set(read.when or {}) - set(variables))
        if unknown:
            raise CardError(
                f"{card.name}.yaml, read of {read.entity}: 'when' names var '{unknown[0]}', which the dbt project has not."
            )
    return tuple(read for read in card.reads if all(variables[k] == v for k, v in (read.when or {}).items()))


def load_card(path: Path, columns: Mapping[str, Mapping[str, tuple[str, ...]]]) -> FlowCard:
    """One card. ``columns`` gives, per system and entity, the fields that staging reads."""
    text = path.read_text(encoding="utf-8")
    try:
        said = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CardError(f"{path.name} is not YAML: {error}") from None
    where = path.name
    said = _mapping(where, said, _CARD_KEYS)
    if not _NAME.match(path.stem):
        raise CardError(f"{where}: a flow's file name is lower case with underscores.")
    for name in ("purpose", "schedule", "reads", "writes"):
        if not said.get(name):
            raise CardError(f"{where}: '{name}' is missing.")
    reads = tuple(_read(f"{where}, read {n}", entry, columns) for n, entry in enumerate(said["reads"], 1))
    writes = tuple(
        _write(f"{where}, write {n}", entry, path.stem) for n, entry in enumerate(said["writes"], 1)
    )
    _unique(where, "read", [read.name for read in reads])
    _unique(where, "write", [write.name for write in writes])
    start = said.get("start_date", datetime(2026, 1, 1, tzinfo=UTC))
    if not isinstance(start, datetime):
        raise CardError(f"{where}: 'start_date' must be a timestamp such as 2026-01-01T00:00:00Z.")
    floor = said.get("brake_floor", 500)
    if isinstance(floor, bool) or not isinstance(floor, int) or floor < 0:
        raise CardError(f"{where}: 'brake_floor' is a whole number, 0 or more.")
    return FlowCard(
        name=path.stem,
        purpose=str(said["purpose"]).strip(),
        schedule=str(said["schedule"]),
        order=int(said.get("order", 100)),
        reads=reads,
        writes=writes,
        start_date=start if start.tzinfo else start.replace(tzinfo=UTC),
        max_rejected_share=_share(where, "max_rejected_share", said, 0.2),
        brake_share=_share(where, "brake_share", said, 0.5),
        brake_floor=floor,
        text=text,
    )


def source_columns(dbt_project: Path, system: str) -> dict[str, tuple[str, ...]]:
    """Fields per entity set, from ``models/staging/<system>/_<system>__sources.yml`` and any ``*__sources.yml`` beside it.

    Those files are the one place which names the fields of a source; the source table's
    ``identifier`` is the raw table's name.
    """
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted((dbt_project / "models" / "staging" / system).glob("*__sources.yml")):
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        for source in said["sources"]:
            for table in source["tables"]:
                names = tuple(column["name"] for column in table.get("columns", []))
                found[table.get("identifier", table["name"])] = names
    return found


def named_columns(
    dbt_project: Path, variables: Mapping[str, object]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Fields that vars name, per system and raw table: those of macro ``own_columns`` in the staging models.

    ``own_columns("<set>")`` takes the sources that var own_fields declares for the set, and in a
    second argument ``[var("...")]`` vars that name a field each.
    """
    own = variables.get("own_fields") or {}
    if not isinstance(own, Mapping):
        raise CardError("Var own_fields is a mapping from an entity set to a list of fields.")
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    entities: set[str] = set()
    for system in SYSTEMS:
        for path in sorted((dbt_project / "models" / "staging" / system).rglob("*.sql")):
            for entity, also in _OWN_COLUMNS.findall(path.read_text(encoding="utf-8")):
                entities.add(entity)
                names = [variables.get(name) for name in re.findall(r"""var\(["'](\w+)["']\)""", also)]
                named = [*_own_sources(entity, own.get(entity) or []), *filter(None, names)]
                odd = [name for name in named if not isinstance(name, str) or not _FIELD.match(name)]
                if odd:
                    raise CardError(
                        f"Dbt var for {entity} names the field '{odd[0]}', which is no field name: letters, digits and _ only."
                    )
                found[system, f"{system}_{snake(entity)}"] = tuple(str(name) for name in named)
    unknown = sorted(set(own) - entities)
    if unknown:
        raise CardError(
            f"Var own_fields names '{unknown[0]}', which takes none; it may name {', '.join(sorted(entities))}."
        )
    return found


def _own_sources(entity: str, said: object) -> list[object]:
    """The sources of an entity's own fields; whatever else a declaration says is read by the SQL alone."""
    if not isinstance(said, list) or not all(
        isinstance(field, Mapping) and field.get("source") for field in said
    ):
        raise CardError(
            f"Var own_fields, {entity}: write a list of fields, such as [{{source: new_region, target: SalesRegion}}]."
        )
    return [field["source"] for field in said]


def _read(where: str, entry: object, columns: Mapping[str, Mapping[str, tuple[str, ...]]]) -> Read:
    said = _entry(where, entry, Read, without=frozenset({"select"}))
    for name in ("every", "overlap", "lag", "expires"):
        if name in said:
            said[name] = _duration(where, name, said[name])
    read = Read(**said)
    if read.strategy == "window" and not read.changed_at:
        raise CardError(f"{where}: strategy 'window' needs 'changed_at', the field with the time of change.")
    if read.strategy == "delta":
        _check_delta(where, read)
    if problem := package_options.read_problem(read):
        raise CardError(f"{where}: {problem}")
    select = columns[read.system].get(read.name, ())
    if not select:
        raise CardError(
            f"{where}: no columns for '{read.name}' in models/staging/{read.system}/"
            f"_{read.system}__sources.yml; list there the fields that staging reads."
        )
    needed = [*read.key, *filter(None, [read.changed_at, read.version])]
    wanted = tuple(dict.fromkeys([*needed, *select]))
    return Read(**{**said, "select": wanted})


def _check_delta(where: str, read: Read) -> None:
    """Change tracking is Dataverse's, takes no filter and names a deleted record by its GUID alone."""
    if read.system != "sales" or len(read.key) != 1:
        raise CardError(f"{where}: strategy 'delta' is for tables of sales with one key field, their GUID.")
    if read.filter:
        raise CardError(f"{where}: strategy 'delta' takes no 'filter'; leave it out, or use 'window'.")
    if not read.changed_at:
        raise CardError(f"{where}: strategy 'delta' needs 'changed_at' too; backfills go by it.")


def _share(where: str, name: str, said: Mapping[str, object], default: float) -> float:
    share = said.get(name, default)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise CardError(f"{where}: '{name}' is a share between 0 and 1, such as {default}.")
    return float(share)


def _write(where: str, entry: object, flow: str) -> Write:
    said = _entry(where, entry, Write)
    said.setdefault("target_set", said["entity"])
    said.setdefault("principal", said["name"] == flow)
    write = Write(**said)
    if write.system == "sales" and not write.id:
        raise CardError(f"{where}: a write to sales needs 'id', the property that holds the record's GUID.")
    if write.gone not in (None, "delete") and not (isinstance(write.gone, dict) and write.gone):
        raise CardError(
            f"{where}: 'gone' is delete, or the body that tells the target so, such as {{IsInactive: \"Yes\"}}."
        )
    if write.find_only is not None and not (write.assigned and isinstance(write.find_only, dict)):
        raise CardError(
            f"{where}: 'find_only' goes with 'assigned' and is a mapping, such as {{IsExternallyMaintained: \"Yes\"}}."
        )
    if write.assigned and not (write.find_by and set(write.assigned) <= set(write.key)):
        raise CardError(
            f"{where}: 'assigned' are parts of the key, and 'find_by' has to name the properties by which "
            "such a record is found again."
        )
    if problem := package_options.write_problem(write):
        raise CardError(f"{where}: {problem}")
    if write.max_parallel < 1 or write.batch_size < 1:
        raise CardError(f"{where}: 'max_parallel' and 'batch_size' are 1 or more.")
    return write


def _entry(
    where: str, entry: object, kind: type[Read] | type[Write], without: frozenset[str] = frozenset()
) -> dict:
    names = {f.name for f in fields(kind)} - without
    said = _mapping(where, entry, names)
    for f in fields(kind):
        if f.default is MISSING and f.default_factory is MISSING and f.name not in said:
            raise CardError(f"{where}: '{f.name}' is missing.")
        if f.name in said and f.type in ("tuple[str, ...]",):
            if not isinstance(said[f.name], list) or not all(isinstance(v, str) for v in said[f.name]):
                raise CardError(f"{where}: '{f.name}' is a list of field names, such as [accountid].")
            said[f.name] = tuple(said[f.name])
        elif f.name in said and f.type in ("int", "int | None"):
            if not isinstance(said[f.name], int) or isinstance(said[f.name], bool):
                raise CardError(f"{where}: '{f.name}' is a whole number.")
        elif f.name in said and f.type == "bool" and not isinstance(said[f.name], bool):
            raise CardError(f"{where}: '{f.name}' is true or false.")
        elif f.name == "when" and not isinstance(said.get("when", {}), dict):
            raise CardError(
                f"{where}: 'when' names a var and its value, such as {{company_from: owner_team}}."
            )
    if said["system"] not in SYSTEMS:
        raise CardError(f"{where}: system '{said['system']}' is unknown; it is one of {', '.join(SYSTEMS)}.")
    return said


def _mapping(where: str, value: object, names: set[str]) -> dict:
    if not isinstance(value, dict):
        raise CardError(f"{where}: expected named entries, found {type(value).__name__}.")
    unknown = sorted(set(value) - names)
    if unknown:
        raise CardError(f"{where}: '{unknown[0]}' is not known; a card may say {', '.join(sorted(names))}.")
    return dict(value)


def _duration(where: str, name: str, value: object) -> timedelta:
    match = _DURATION.match(str(value))
    if not match:
        raise CardError(f"{where}: '{name}' is a duration such as 30s, 5m, 6h or 1d, not '{value}'.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _unique(where: str, what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CardError(f"{where}: {what} '{twice[0]}' stands twice.")
