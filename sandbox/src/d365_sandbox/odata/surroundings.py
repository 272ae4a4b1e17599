"""What a filter or an order can use beside the row itself: related rows, the caller and the time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from d365_sandbox.odata.filter_tree import FilterError
from d365_sandbox.schemas.entity import Entity, Field, Fields, Key, Wire

Reach = Callable[[Fields], Fields]


@dataclass(frozen=True, slots=True)
class Single:
    """Where a single-valued navigation property leads. `reach` gives the related row's fields, or none."""

    target: Entity
    reach: Reach


@dataclass(frozen=True, slots=True)
class Collection:
    """Where a collection-valued navigation property leads."""

    target: Entity
    related: Callable[[Fields], Iterable[Fields]]


@dataclass(frozen=True, slots=True)
class Caller:
    """The user, for functions such as EqualUserId."""

    user: str = ""
    business_unit: str = ""
    teams: tuple[str, ...] = ()


class Surroundings:
    """Nothing to reach: the surroundings of a system whose filters stay within one row."""

    caller = Caller()

    def single(self, entity: Entity, name: str) -> Single | None:
        return None

    def collection(self, entity: Entity, name: str) -> Collection | None:
        return None

    def below(self, entity: Entity, row_id: str) -> set[Key] | None:
        """Keys of all rows under this one in the table's hierarchy; None when the table has none."""
        return None

    def now(self) -> datetime:
        return datetime.now(UTC)

    def state(self) -> object:
        """Changes whenever a result that reached beyond its table may have changed."""
        return None


def located(
    entity: Entity, path: str, surroundings: Surroundings, type_prefix: str
) -> tuple[Field, Reach | None]:
    """The column at the end of a path and the way from a row to the fields that hold it. Raises FilterError."""
    target, reach, name = walked(entity, path, surroundings, type_prefix)
    found = target.fields.get(name)
    if found is None:
        raise FilterError(
            f"Could not find a property named '{name}' on type '{type_prefix}{target.type_name}'."
        )
    return found, reach


def walked(
    entity: Entity, path: str, surroundings: Surroundings, type_prefix: str
) -> tuple[Entity, Reach | None, str]:
    """The table on which the last step of a path stands, the way to it, and that step."""
    *steps, last = path.split("/")
    reach: Reach | None = None
    for step in steps:
        single = surroundings.single(entity, step)
        if single is None:
            raise FilterError(
                f"Could not find a property named '{step}' on type '{type_prefix}{entity.type_name}'."
            )
        reach = single.reach if reach is None else _further(reach, single.reach)
        entity = single.target
    return entity, reach, last


def value_of(described: Field, reach: Reach | None) -> Callable[[Fields], Wire]:
    """Reads a column as it is stored, at the end of the way."""
    name, empty = described.name, described.empty
    if reach is None:
        return lambda fields: fields.get(name, empty)
    return lambda fields: reach(fields).get(name, empty)


def _further(first: Reach, second: Reach) -> Reach:
    return lambda fields: second(first(fields))
