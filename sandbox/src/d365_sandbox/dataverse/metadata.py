"""The service document and the CSDL of the described tables, their relationships, actions and functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

from d365_sandbox.dataverse import operations
from d365_sandbox.dataverse.operations import Operation
from d365_sandbox.dataverse.relationships import PRINCIPAL, Relationships
from d365_sandbox.dataverse.stamps import OWNERS
from d365_sandbox.schemas.entity import Entity, Field

_BASE = "crmbaseentity"
_OWNER_TARGETS = {"systemuser", "team"}


def service_document(context: str, entities: Mapping[str, Entity]) -> dict[str, Any]:
    """The sets by name. That of the table definitions is left out, as the service's own is."""
    sets = [{"name": name, "kind": "EntitySet", "url": name} for name in sorted(entities)]
    return {"@odata.context": context, "value": sets}


def csdl(entities: Mapping[str, Entity], relationships: Relationships, annotated: bool = False) -> bytes:
    """The document; `annotated` adds what tables can do (`?annotations=true`)."""
    return "\n".join(_Document(entities, relationships, annotated).lines()).encode("utf-8")


class _Document:
    def __init__(self, entities: Mapping[str, Entity], relationships: Relationships, annotated: bool) -> None:
        self._entities = entities
        self._relationships = relationships
        self._annotated = annotated
        self._known = {e.type_name for e in entities.values()}
        self._absent = sorted({t for e in entities.values() for t in self._targets(e)} - self._known - {"?"})

    def lines(self) -> Iterator[str]:
        yield '<?xml version="1.0" encoding="utf-8"?>'
        yield '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">'
        if self._annotated:
            uri = "http://docs.oasis-open.org/odata/odata/v4.0/os/vocabularies/Org.OData.Capabilities.V1.xml"
            yield f'<edmx:Reference Uri="{uri}">'
            yield '<edmx:Include Namespace="Org.OData.Capabilities.V1" Alias="Capabilities" /></edmx:Reference>'
        yield "<edmx:DataServices>"
        yield (
            '<Schema Namespace="Microsoft.Dynamics.CRM" Alias="mscrm" '
            'xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        )
        for name, members in operations.ENUMS.items():
            inner = "".join(f'<Member Name="{m}" Value="{v}" />' for m, v in members.items())
            yield f'<EnumType Name="{name}">{inner}</EnumType>'
        for complex_type in operations.COMPLEX_TYPES:
            yield f'<ComplexType Name="{complex_type.name}">'
            for name, declared in complex_type.parameters:
                yield f'<Property Name="{name}" Type="{_qualified(declared)}" />'
            yield "</ComplexType>"
        yield f'<EntityType Name="{_BASE}" Abstract="true" />'
        yield f'<EntityType Name="{PRINCIPAL}" BaseType="mscrm.{_BASE}">'
        yield from _key("ownerid")
        yield '<Property Name="ownerid" Type="Edm.Guid" Nullable="false" /></EntityType>'
        for entity in self._entities.values():
            yield from self._entity_type(entity)
        for type_name in self._absent:
            yield from _small_type(type_name)
        for type_name, lookup in operations.ACTIVITY_ENDS.items():
            if type_name not in self._known:
                yield from _small_type(type_name, _activity(lookup))
        yield from self._operations()
        yield from self._container()
        yield "</Schema></edmx:DataServices></edmx:Edmx>"

    def _targets(self, entity: Entity) -> Iterator[str]:
        for _, targets in self._relationships.lookups[entity.set_name].values():
            yield from targets

    def _entity_type(self, entity: Entity) -> Iterator[str]:
        owner = entity.set_name in OWNERS
        yield f'<EntityType Name="{entity.type_name}" BaseType="mscrm.{PRINCIPAL if owner else _BASE}">'
        if not owner:
            yield from _key(entity.key_fields[0])
        for described in entity.fields.values():
            if not (owner and described.name == "ownerid"):
                yield _property(described)
        for name, (lookup, targets) in self._relationships.lookups[entity.set_name].items():
            yield from self._single(entity, name, lookup, targets)
        for name, relationship in self._relationships.collections[entity.set_name].items():
            yield (
                f'<NavigationProperty Name="{name}" '
                f'Type="Collection(mscrm.{relationship.referencing.type_name})"'
                f"{self._partner(relationship.navigation, relationship.lookup)} />"
            )
        yield "</EntityType>"

    def _single(self, entity: Entity, name: str, lookup: Field, targets: tuple[str, ...]) -> Iterator[str]:
        target, key = self._leads_to(targets)
        found = [r.name for r in self._relationships.all if r.referencing is entity and r.navigation == name]
        partner = f' Partner="{found[0]}"' if len(found) == 1 else ""
        nullable = ' Nullable="false"' if lookup.required == "SystemRequired" and lookup.on_create else ""
        yield f'<NavigationProperty Name="{name}" Type="mscrm.{target}"{nullable}{partner}>'
        if key:
            yield f'<ReferentialConstraint Property="{lookup.name}" ReferencedProperty="{key}" />'
        yield "</NavigationProperty>"

    def _leads_to(self, targets: tuple[str, ...]) -> tuple[str, str]:
        """Type and key of what a navigation property leads to."""
        if set(targets) == _OWNER_TARGETS:
            return PRINCIPAL, "ownerid"
        if targets == ("?",):
            return _BASE, ""
        known = self._relationships.known(targets[0])
        if known is None:
            return targets[0], f"{targets[0]}id"
        return known.type_name, "ownerid" if known.set_name in OWNERS else known.key_fields[0]

    def _partner(self, navigation: str, lookup: Field) -> str:
        """The other end, unless it leads to several tables and so is the partner of several collections."""
        targets = lookup.navigation.get(navigation, lookup.targets)
        return f' Partner="{navigation}"' if len(targets) == 1 else ""

    def _operations(self) -> Iterator[str]:
        for action in operations.ACTIONS:
            yield from _operation("Action", action)
        for entity in self._entities.values():
            if entity.bulk_actions:
                for action in operations.BULK_ACTIONS:
                    yield from _operation("Action", action, entity.type_name)
        for function in operations.FUNCTIONS:
            yield from _operation("Function", function)

    def _container(self) -> Iterator[str]:
        yield '<EntityContainer Name="System">'
        for set_name, entity in self._entities.items():
            yield f'<EntitySet Name="{set_name}" EntityType="Microsoft.Dynamics.CRM.{entity.type_name}">'
            yield from self._bindings(entity)
            if self._annotated:
                yield from _annotations(entity)
            yield "</EntitySet>"
        for action in operations.ACTIONS:
            returned = self._relationships.known(action.returns)
            bound = f' EntitySet="{returned.set_name}"' if returned else ""
            yield f'<ActionImport Name="{action.name}" Action="mscrm.{action.name}"{bound} />'
        for function in operations.FUNCTIONS:
            yield f'<FunctionImport Name="{function.name}" Function="mscrm.{function.name}" />'
        yield "</EntityContainer>"

    def _bindings(self, entity: Entity) -> Iterator[str]:
        for name, (_, targets) in self._relationships.lookups[entity.set_name].items():
            known = self._relationships.known(targets[0]) if len(targets) == 1 else None
            if known is not None:
                yield f'<NavigationPropertyBinding Path="{name}" Target="{known.set_name}" />'
        for name, relationship in self._relationships.collections[entity.set_name].items():
            yield f'<NavigationPropertyBinding Path="{name}" Target="{relationship.referencing.set_name}" />'


def _key(name: str) -> Iterator[str]:
    yield f'<Key><PropertyRef Name="{name}" /></Key>'


def _property(described: Field) -> str:
    facets = ' Nullable="false"' if described.is_key else ""
    if described.edm == "Edm.String":
        facets += ' Unicode="false"' if described.source_type == "EntityName" else ""
        facets += f' MaxLength="{described.max_length}"' if described.max_length else ""
    if described.edm == "Edm.Decimal":
        facets += ' Scale="10"'
    return f"<Property Name={quoteattr(described.name)} Type={quoteattr(described.edm)}{facets} />"


def _small_type(type_name: str, properties: Iterable[str] = ()) -> Iterator[str]:
    """A table that lookups or actions refer to and that is not simulated: its key and little else."""
    yield f'<EntityType Name="{type_name}" BaseType="mscrm.{_BASE}">'
    key = "activityid" if type_name in operations.ACTIVITY_ENDS else f"{type_name}id"
    yield from _key(key)
    yield f'<Property Name="{key}" Type="Edm.Guid" Nullable="false" />'
    yield from properties
    yield "</EntityType>"


def _activity(lookup: str) -> Iterator[str]:
    yield '<Property Name="subject" Type="Edm.String" MaxLength="200" />'
    yield '<Property Name="description" Type="Edm.String" MaxLength="2000" />'
    yield '<Property Name="actualend" Type="Edm.DateTimeOffset" />'
    yield f'<Property Name="_{lookup}_value" Type="Edm.Guid" />'
    target = lookup.removesuffix("id")
    yield f'<NavigationProperty Name="{lookup}" Type="mscrm.{target}">'
    yield f'<ReferentialConstraint Property="_{lookup}_value" ReferencedProperty="{lookup}" />'
    yield "</NavigationProperty>"


def _operation(kind: str, operation: Operation, bound_to: str = "") -> Iterator[str]:
    bound = ' IsBound="true"' if bound_to else ""
    yield f'<{kind} Name="{operation.name}"{bound}>'
    parameters = operation.parameters
    if bound_to:
        table = f"Collection({bound_to})"
        parameters = (("entityset", table), ("Targets", table))
    for name, declared in parameters:
        yield f'<Parameter Name="{name}" Type="{_qualified(declared)}" />'
    if operation.returns:
        yield f'<ReturnType Type="{_qualified(operation.returns)}" Nullable="false" />'
    yield f"</{kind}>"


def _qualified(declared: str) -> str:
    inner = declared.removeprefix("Collection(").removesuffix(")")
    named = inner if inner.startswith("Edm.") else f"mscrm.{inner}"
    return f"Collection({named})" if declared.startswith("Collection(") else named


def _annotations(entity: Entity) -> Iterator[str]:
    """The capabilities that the document can tell; which terms the service publishes besides is not settled."""
    supported = "true" if entity.change_tracking else "false"
    yield (
        '<Annotation Term="Org.OData.Capabilities.V1.ChangeTracking"><Record>'
        f'<PropertyValue Property="Supported" Bool="{supported}" /></Record></Annotation>'
    )
    yield '<Annotation Term="Org.OData.Capabilities.V1.SkipSupported" Bool="false" />'
    yield (
        '<Annotation Term="Org.OData.Capabilities.V1.SearchRestrictions"><Record>'
        '<PropertyValue Property="Searchable" Bool="false" /></Record></Annotation>'
    )
