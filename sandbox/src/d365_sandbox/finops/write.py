"""One write while the application's rules are applied, and errors that rules share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from d365_sandbox.finops import errors
from d365_sandbox.finops.entities import BACKINGS, Reference
from d365_sandbox.finops.parameters import Parameters
from d365_sandbox.finops.rows import COMPANY
from d365_sandbox.schemas.entity import Entity, Fields, Key, Wire, fold
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row


@dataclass(slots=True)
class Write:
    """A row that is being created or changed.

    `entity` is the data entity through which the caller writes, `stored` the one whose table keeps the row.
    `given` is what the caller sent, `fields` the whole row as it will be, `before` the row as it was, `now` the
    moment of the write.
    """

    tx: Transaction
    entity: Entity
    stored: Entity
    given: Fields
    fields: Fields
    before: Row | None
    parameters: Parameters
    now: str

    @property
    def today(self) -> str:
        return self.now[:10]

    @property
    def creating(self) -> bool:
        return self.before is None

    @property
    def changed(self) -> Mapping[str, Wire]:
        """Every field of a new row, else what the caller sent."""
        return self.fields if self.creating else self.given

    @property
    def company(self) -> str:
        return str(self.fields[COMPANY])

    def text(self, name: str) -> str:
        return str(self.fields.get(name) or "")

    def in_company(self, set_name: str, number: str) -> Row | None:
        """The row of the write's company with this number."""
        return self.tx.table(set_name).get((self.company, fold(number)))

    def where(self, set_name: str, name: str, value: str) -> Row | None:
        """The first row, by key, of the write's company whose field holds the value."""
        table = self.tx.table(set_name)
        keys: list[Key] = [key for key in table.holding(name, value) if key[0] == self.company]
        return table.get(min(keys)) if keys else None

    def fill(self, name: str, value: Wire) -> None:
        """Set a field that is still empty."""
        if value and not self.fields.get(name):
            self.fields[name] = value


def failed(entity: Entity, name: str, sentence: str) -> errors.Refused:
    """A field that does not pass validation."""
    return errors.rejected(
        entity.label,
        [f"Warning: {sentence}", f"Warning: validateField failed on field '{entity.label}.{name}'"],
    )


def frozen(entity: Entity, name: str) -> errors.Refused:
    """A field that the server alone sets."""
    return failed(entity, name, f"Field '{name}' does not allow editing")


def missing(write: Write, caption: str) -> errors.Refused:
    """A mandatory field without a value: the row as a whole does not pass validation."""
    table = BACKINGS[write.stored.set_name].table
    return errors.rejected(
        write.entity.label,
        [
            f"Warning: Field '{caption}' must be filled in.",
            f"Warning: validateWrite failed on data source '{table} ({table})'",
        ],
    )


def not_found(entity: Entity, name: str, value: str, caption: str, related: str) -> errors.Refused:
    sentence = f"The value '{value}' in field '{caption}' is not found in the related table '{related}'."
    return failed(entity, name, sentence)


def unrelated(entity: Entity, reference: Reference, value: str) -> errors.Refused:
    return not_found(entity, reference.field, value, reference.caption, reference.related)


class SetRules:
    """What one table adds to the rules of all. Every method may raise Refused."""

    def prepare(self, write: Write) -> None:
        """Before the key of a new row is looked at: numbers and defaults."""

    def check(self, write: Write) -> None:
        """After required fields and references of a row were checked."""

    def complete(self, write: Write) -> None:
        """What the server fills in after validation."""

    def stored(self, tx: Transaction, before: Row | None, after: Row | None) -> None:
        """After the row was put or, when there is no `after`, dropped."""

    def check_delete(self, tx: Transaction, entity: Entity, row: Row) -> None:
        """Before a row is dropped."""
