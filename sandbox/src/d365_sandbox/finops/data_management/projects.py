"""Data projects (definition groups): ordinary rows of two public sets, and the rules of their writes.

Sets, names and the key of a project are those of public clients generated from $metadata; numbers of the
enumeration members and lengths are assumed. What a project's user interface holds besides (filters, chosen
fields) is in no public set: the admin API gives it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from d365_sandbox.finops import errors
from d365_sandbox.finops.data_management.keep import Keep
from d365_sandbox.finops.data_management.manifest import PackageEntity
from d365_sandbox.finops.data_management.names import MANAGEMENT, by_label, is_composite, known_labels
from d365_sandbox.finops.rows import changed_version, new_version
from d365_sandbox.finops.write import SetRules, Write, failed
from d365_sandbox.schemas.entity import Entity, Fields, fold
from d365_sandbox.store.store import Store, Transaction
from d365_sandbox.store.table import Row

GROUPS, DETAILS = MANAGEMENT
EXPORT, IMPORT = "Export", "Import"
FULL, INCREMENTAL = "FullPush", "IncrementalPush"
_SHAPE = "shape"


@dataclass(frozen=True, slots=True)
class Shape:
    """What of an entity a project exports: a filter in the words of $filter and the chosen fields, or all."""

    filter: str = ""
    fields: tuple[str, ...] = ()


class GroupRules(SetRules):
    """A project takes its entities with it when it is deleted."""

    def check_delete(self, tx: Transaction, entity: Entity, row: Row) -> None:
        for key in list(tx.table(DETAILS).holding("DefinitionGroupId", row.fields["Name"])):
            tx.drop(DETAILS, key)


class DetailRules(SetRules):
    """An entity of a project: project and entity must exist (sentences assumed)."""

    def check(self, write: Write) -> None:
        group, label = write.text("DefinitionGroupId"), write.text("EntityName")
        if write.tx.table(GROUPS).get((fold(group),)) is None:
            raise failed(write.entity, "DefinitionGroupId", f"Data project {group} does not exist.")
        if fold(label) not in known_labels():
            raise failed(write.entity, "EntityName", absent(label))

    def complete(self, write: Write) -> None:
        write.fill("SourceFormat", "CSV")


def absent(label: str) -> str:
    """Why there is no such entity (the first sentence is seen in public clients)."""
    if is_composite(label):
        return f"Entity {label} is a composite entity, which the sandbox does not simulate."
    return f"Entity {label} does not exist in the target environment."


class Projects:
    """The projects of one environment."""

    def __init__(self, store: Store, entities: Mapping[str, Entity], keep: Keep) -> None:
        self._store = store
        self._entities = entities
        self._keep = keep
        self._shapes = {
            name: Shape(record["filter"], tuple(record["fields"]))
            for name, record in keep.take(_SHAPE).items()
        }

    def shape(self, name: str, label: str) -> Shape:
        return self._shapes.get(_shape_name(name, label), Shape())

    def set_shape(self, name: str, label: str, shape: Shape) -> None:
        self._shapes[_shape_name(name, label)] = shape
        self._keep.put(_SHAPE, _shape_name(name, label), asdict(shape))

    def lay_foundation(self) -> None:
        """Two export projects for every entity, `Export <label>` in full and `Export changes of <label>`, once."""
        if len(self._store.tables[GROUPS]):
            return
        with self._store.transaction() as tx:
            for entity in by_label(self._entities).values():
                label = entity.primary_name
                for name, refresh in ((f"Export {label}", FULL), (f"Export changes of {label}", INCREMENTAL)):
                    _put(tx, GROUPS, {"Name": name, "ProjectCategory": "Project", "OperationType": EXPORT})
                    _put(tx, DETAILS, _detail(name, label, refresh))
        self._store.flush()

    def find(self, name: str) -> Row | None:
        return self._store.tables[GROUPS].get((fold(name),))

    def entities_of(self, name: str) -> list[PackageEntity]:
        """The entities of a project in the order in which they are run."""
        table = self._store.tables[DETAILS]
        rows = table.pick(table.holding("DefinitionGroupId", name))
        return sorted((_as_entity(row.fields) for row in rows), key=lambda e: e.order)

    def save(self, name: str, operation: str, entities: Sequence[Mapping[str, Any]]) -> None:
        """Make a project anew, with entities given by label, `source_format` and `refresh_type`."""
        with self._store.transaction() as tx:
            _put(tx, GROUPS, {"Name": name, "ProjectCategory": "Project", "OperationType": operation})
            for key in list(tx.table(DETAILS).holding("DefinitionGroupId", name)):
                tx.drop(DETAILS, key)
            for n, entity in enumerate(entities):
                detail = _detail(name, entity["label"], entity.get("refresh_type", FULL))
                detail["SourceFormat"] = entity.get("source_format", "CSV")
                _put(tx, DETAILS, {**detail, "SequenceInLevel": n + 1})

    def save_import(self, name: str, entities: tuple[PackageEntity, ...], overwrite: bool) -> None:
        """Make the project of a package, or bring the entities of an existing one in line with the package."""
        with self._store.transaction() as tx:
            if self.find(name) is None:
                _put(tx, GROUPS, {"Name": name, "ProjectCategory": "Project", "OperationType": IMPORT})
            details = tx.table(DETAILS)
            if overwrite:
                for key in list(details.holding("DefinitionGroupId", name)):
                    tx.drop(DETAILS, key)
            for entity in entities:
                if details.get((fold(name), fold(entity.label))) is None:
                    _put(tx, DETAILS, _imported(name, entity))

    def entity(self, label: str) -> Entity:
        """The entity of a label. Raises Refused."""
        entity = by_label(self._entities).get(fold(label))
        if entity is None:
            raise errors.bad_request(absent(label))
        return entity


def _shape_name(group: str, label: str) -> str:
    return f"{fold(group)}\n{fold(label)}"


def _detail(group: str, label: str, refresh: str) -> Fields:
    return {
        "DefinitionGroupId": group,
        "EntityName": label,
        "SourceFormat": "CSV",
        "DefaultRefreshType": refresh,
        "ExecutionUnit": 1,
        "LevelInExecutionUnit": 1,
        "SequenceInLevel": 1,
        "ValidationStatus": "Yes",
    }


def _imported(group: str, entity: PackageEntity) -> Fields:
    return {
        "DefinitionGroupId": group,
        "EntityName": entity.label,
        "SourceFormat": entity.source_format,
        "InputFilePath": entity.file,
        "ExecutionUnit": entity.execution_unit,
        "LevelInExecutionUnit": entity.level,
        "SequenceInLevel": entity.sequence,
        "FailLevelOnError": "Yes" if entity.fail_level else "No",
        "FailExecutionUnitOnError": "Yes" if entity.fail_unit else "No",
        "Disable": "Yes" if entity.disabled else "No",
        "ValidationStatus": "Yes" if entity.maps else "No",
    }


def _as_entity(fields: Fields) -> PackageEntity:
    return PackageEntity(
        label=str(fields["EntityName"]),
        file="",
        source_format=str(fields.get("SourceFormat") or "CSV"),
        maps=(),
        execution_unit=int(fields.get("ExecutionUnit") or 0),
        level=int(fields.get("LevelInExecutionUnit") or 0),
        sequence=int(fields.get("SequenceInLevel") or 0),
        disabled=fields.get("Disable") == "Yes",
        refresh_type=str(fields.get("DefaultRefreshType") or FULL),
    )


def _put(tx: Transaction, set_name: str, fields: Fields) -> None:
    """Store a row of data management past the rules of a caller's writes."""
    entity = tx.table(set_name).entity
    before = tx.table(set_name).get(entity.key_of(fields))
    sparse: Fields = {
        name: value
        for name, value in fields.items()
        if name in entity.key_fields or value != entity.fields[name].empty
    }
    tx.put(set_name, sparse, changed_version(before) if before else new_version(tx))
