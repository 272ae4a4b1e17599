"""Creating, changing and deleting rows of Sales."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from d365_sandbox.clock import Clock
from d365_sandbox.dataverse import derived, documents, errors, rules
from d365_sandbox.dataverse.authors import APPLICATION, Author, author_of
from d365_sandbox.dataverse.entities import ON_DELETE
from d365_sandbox.dataverse.foundation import organization_id
from d365_sandbox.dataverse.stamps import base_amounts, creation_stamps, drop, put
from d365_sandbox.schemas.entity import Entity, Fields, Wire
from d365_sandbox.store.store import Store, Transaction
from d365_sandbox.store.table import Row
from d365_sandbox.web.messages import Call

_OWN = frozenset(
    {
        "createdon",
        "modifiedon",
        "_createdby_value",
        "_modifiedby_value",
        "versionnumber",
        "statecode",
        "statuscode",
        "importsequencenumber",
        "overriddencreatedon",
    }
)  # columns that a row never takes over from one of another table
_SUPPRESS = "mscrm.suppressduplicatedetection"


class Writer:
    """Applies checked payloads to the store as one user, in the caller's transaction."""

    def __init__(
        self,
        entities: Mapping[str, Entity],
        store: Store,
        clock: Clock,
        author: Author = APPLICATION,
        detects: bool = False,
    ) -> None:
        self._entities = entities
        self._store = store
        self._clock = clock
        self._author = author
        self._detects = detects

    def for_call(self, call: Call) -> Writer:
        """The writer for the caller, or for the user whom the request impersonates. It looks for duplicates
        where the request does not suppress that (dataverse sheet, section 2)."""
        author = author_of(self._store, call)
        detects = call.headers.get(_SUPPRESS, "true").strip().lower() == "false"
        if author == self._author and detects == self._detects:
            return self
        return Writer(self._entities, self._store, self._clock, author, detects)

    def create(self, tx: Transaction, entity: Entity, given: Fields) -> Row:
        """A new row. `given` may hold the primary key. Raises Refused."""
        key = entity.key_fields[0]
        fields: Fields = {
            **entity.defaults,
            **self._stamps(entity),
        }
        fields.update(given)
        fields[key] = given.get(key) or str(uuid.uuid4())
        if given.get("overriddencreatedon"):
            fields["createdon"] = given["overriddencreatedon"]
        if tx.table(entity.set_name).get(str(fields[key])) is not None:
            raise errors.duplicate()
        derived.complete(tx, entity, given, fields)
        documents.number(tx, entity, fields)
        rules.check_required(entity, fields)
        if entity.set_name != "products":
            rules.settle_state(entity, {}, given, fields)
        rules.before_create(tx, entity, given, fields)
        documents.check(tx, entity, None, given, fields)
        if self._detects:
            rules.check_duplicates(tx, entity, fields)
        row = self._store_document(tx, entity, None, fields)
        for set_name, more in rules.after_create(tx, entity, row.fields):
            self.create(tx, self._entities[set_name], more)
        return row

    def update(self, tx: Transaction, entity: Entity, before: Row, given: Fields) -> Row:
        """The row with some columns changed. Sending unchanged values still counts as a change. Raises
        Refused."""
        key = entity.key_fields[0]
        if given.get(key, before.key) != before.key:
            raise errors.invalid(f"The primary key '{key}' in the body differs from the one in the URL.")
        fields: Fields = {**before.fields, **given, key: str(before.key)}
        self._touch(entity, fields)
        derived.complete(tx, entity, given, fields)
        rules.check_required(entity, fields)
        rules.settle_state(entity, before.fields, given, fields)
        rules.before_update(tx, entity, before, given, fields)
        documents.check(tx, entity, before, given, fields)
        if self._detects:
            rules.check_duplicates(tx, entity, fields)
        return self._store_document(tx, entity, before, fields)

    def move(self, tx: Transaction, entity: Entity, before: Row, changes: Fields) -> Row:
        """A document in another state, by an action: without the checks of an update."""
        fields: Fields = {**before.fields, **changes}
        self._touch(entity, fields)
        return self._store_document(tx, entity, before, fields)

    def copy(self, tx: Transaction, entity: Entity, row: Row, changes: Fields) -> Row:
        """A new row with the columns of another one, except its id, times and what `changes` says."""
        fields: Fields = {**row.fields, **changes, entity.key_fields[0]: str(uuid.uuid4())}
        self._touch(entity, fields)
        fields["createdon"], fields["_createdby_value"] = fields["modifiedon"], self._author.user
        fields["overriddencreatedon"] = fields["importsequencenumber"] = None
        return self._store_row(tx, entity, fields)

    def derive(self, tx: Transaction, entity: Entity, source: Row, changes: Fields) -> Row:
        """A new row with the columns that the table shares with that of another row, amounts included."""
        key = entity.key_fields[0]
        fields: Fields = {**entity.defaults, **self._stamps(entity)}
        for name, value in source.fields.items():
            if name in entity.fields and name not in _OWN and name != key:
                fields[name] = value
        fields.update({**changes, key: str(uuid.uuid4())})
        documents.number(tx, entity, fields)
        return self._store_row(tx, entity, fields)

    def retotaled(self, tx: Transaction, family: documents.Family, header: Row) -> Row:
        """A document with the totals of its lines."""
        fields = dict(header.fields)
        documents.total(tx, family, fields)
        return self._store_row(tx, self._entities[family.headers], fields)

    def recalculate(self, tx: Transaction, family: documents.Family, header: Row) -> Row:
        """A document whose lines and totals are priced anew, unless its prices are locked."""
        lines = self._entities[family.lines]
        for row in documents.lines_of(tx, family, str(header.key)):
            line = dict(row.fields)
            documents.price(tx, header.fields, line)
            self._touch(lines, line)
            self._store_row(tx, lines, line)
        fields = dict(header.fields)
        self._touch(self._entities[family.headers], fields)
        documents.total(tx, family, fields)
        return self._store_row(tx, self._entities[family.headers], fields)

    def delete(self, tx: Transaction, entity: Entity, row: Row) -> None:
        """Remove the row and do to its referrers what their relationship says. Raises Refused."""
        documents.check_delete(tx, entity, row)
        self._remove(tx, entity, row)
        family = documents.OF_LINE.get(entity.set_name)
        if family is not None:
            self._retotal(tx, family, row.fields)

    def _remove(self, tx: Transaction, entity: Entity, row: Row) -> None:
        for set_name, column, action in ON_DELETE.get(entity.set_name, ()):
            child, table = self._entities[set_name], tx.table(set_name)
            for key in list(table.holding(column, str(row.key))):
                referrer = table.get(key)
                if referrer is None or (set_name == entity.set_name and key == row.key):
                    continue
                if action == "restrict":
                    raise errors.Refused(
                        405,
                        "0x80040227",
                        f"The {entity.type_name} cannot be deleted because it is associated "
                        f"with another record "
                        f"({child.type_name}).",
                    )
                if action == "cascade":
                    self._remove(tx, child, referrer)
                else:
                    self._store_row(tx, child, {**referrer.fields, column: None})
        drop(tx, entity.set_name, row.key)

    def _stamps(self, entity: Entity) -> Fields:
        """What the server writes on a new row."""
        author, organization = self._author, organization_id(self._store)
        stamps = creation_stamps(entity, self._clock.stamp(), author.user, author.unit, organization)
        if author.behalf is not None and "_createdonbehalfby_value" in entity.fields:
            stamps["_createdonbehalfby_value"] = author.behalf
        return stamps

    def _touch(self, entity: Entity, fields: Fields) -> None:
        fields["modifiedon"] = self._clock.stamp()
        if "_modifiedby_value" in entity.fields:
            fields["_modifiedby_value"] = self._author.user
            if "_modifiedonbehalfby_value" in entity.fields:
                fields["_modifiedonbehalfby_value"] = self._author.behalf

    def _store_document(self, tx: Transaction, entity: Entity, before: Row | None, fields: Fields) -> Row:
        """Store a row; for a document also its lines and totals, for a line also the totals of its document."""
        if entity.set_name in documents.OF_LINE:
            row = self._store_row(tx, entity, fields)
            self._retotal(tx, documents.OF_LINE[entity.set_name], fields)
            return row
        family = documents.OF_HEADER.get(entity.set_name)
        if family is None:
            return self._store_row(tx, entity, fields)
        lines = self._entities[family.lines]
        for line in documents.repriced(tx, family, before, fields) if before else ():
            self._touch(lines, line)
            self._store_row(tx, lines, line)
        documents.total(tx, family, fields)
        row = self._store_row(tx, entity, fields)
        for old, line in documents.outdated(tx, family, row) if before else ():
            tx.put(family.lines, line, old.version)
        return row

    def _retotal(self, tx: Transaction, family: documents.Family, line: Mapping[str, Wire]) -> None:
        """Bring the totals of a line's document up to date, which is a change of the document."""
        header = documents.header_of(tx, family, line)
        if header is not None:
            entity, fields = self._entities[family.headers], dict(header.fields)
            self._touch(entity, fields)
            documents.total(tx, family, fields)
            self._store_row(tx, entity, fields)

    def _store_row(self, tx: Transaction, entity: Entity, fields: Fields) -> Row:
        before = tx.table(entity.set_name).get(entity.key_of(fields))
        held = before.fields if before else {}
        fields.update(base_amounts(entity, held, fields, tx.table("transactioncurrencies")))
        sparse: Fields = {name: value for name, value in fields.items() if value is not None}
        rules.check_unique(tx, entity, sparse)
        return put(tx, entity.set_name, sparse)
