"""The `$metadata` document (CSDL 4.0 as XML) of the described data entities (finops-odata sheet, section 3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import quoteattr

from d365_sandbox.finops.actions import Action, Actions
from d365_sandbox.finops.labels import help_id, label_id
from d365_sandbox.schemas.entity import Entity, Field, Relation

NAMESPACE = "Microsoft.Dynamics.DataEntities"
_TERM = "Microsoft.Dynamics.OData.Core.V1"
_COUNTRIES = {
    "Brazilian": "BR",
    "CNPJ": "BR",
    "Suframa": "BR",
    "CFOP": "BR",
    "CFPS": "BR",
    "InKana": "JP",
    "CURP": "MX",
}


def csdl(entities: Mapping[str, Entity], actions: Actions, lengths: bool = False) -> bytes:
    """Enumerations, entity types, actions and sets. Precisions are not published, and lengths only when asked for.

    Decimals have a variable scale: without one CSDL (OData 4.0 part 3, section 6.2.4) reads them as whole numbers.
    """
    return "\n".join(_lines(entities, actions, lengths)).encode("utf-8")


def ax_type(described: Field) -> str:
    """The type of a field in the application (finops-odata sheet, section 3)."""
    if described.kind == "datetime":
        return "Date" if str(described.empty).endswith("T12:00:00Z") else "UtcDateTime"
    if described.edm == "Edm.Int64":
        return "Int64"
    kinds = {"string": "String", "enum": "Enum", "decimal": "Real", "integer": "Int32", "guid": "Guid"}
    return kinds[described.kind]


def enumerations(entities: Mapping[str, Entity]) -> dict[str, Mapping[str, int]]:
    """Every enumeration that a field has, by qualified name, with its members."""
    return {f.edm: f.members for e in entities.values() for f in e.fields.values() if f.kind == "enum"}


_STATUS = "DMFEntityExecutionSummaryStatus"


def _complex_types(entities: Mapping[str, Entity], actions: Actions) -> Iterator[str]:
    """The one structure that an action of data management returns a list of."""
    if any(_STATUS in action.returns for entity in entities.values() for action in actions.of(entity)):
        yield f'<ComplexType Name="{_STATUS}">'
        yield from (f'<Property Name="{name}" Type="Edm.String" />' for name in ("EntityName", "Status"))
        for name in ("TotalRecords", "SuccessRecords", "ErrorRecords"):
            yield f'<Property Name="{name}" Type="Edm.Int32" Nullable="false" />'
        yield "</ComplexType>"


def country_of(described: Field) -> str:
    """The country/region whose features a field belongs to, if its name shows one (assumed)."""
    found = re.search("|".join(_COUNTRIES), described.name)
    return _COUNTRIES[found[0]] if found else ""


def is_dimension(described: Field) -> bool:
    return described.name.endswith("DimensionDisplayValue")


def _lines(entities: Mapping[str, Entity], actions: Actions, lengths: bool) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
    yield f'<Schema Namespace="{NAMESPACE}" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
    for name, members in enumerations(entities).items():
        yield f'<EnumType Name="{name.rpartition(".")[2]}">'
        yield from (f'<Member Name="{member}" Value="{value}" />' for member, value in members.items())
        yield "</EnumType>"
    yield from _complex_types(entities, actions)
    for entity in entities.values():
        yield from _type(entity, entities, lengths)
    for entity in entities.values():
        for action in actions.of(entity):
            yield from _action(action, entity)
    yield '<EntityContainer Name="Resources">'
    for name, entity in entities.items():
        yield f'<EntitySet Name="{name}" EntityType="{NAMESPACE}.{entity.type_name}">'
        for relation in entity.relations.values():
            yield f'<NavigationPropertyBinding Path="{relation.name}" Target="{relation.target_set}" />'
        yield "</EntitySet>"
    yield "</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"


def _type(entity: Entity, entities: Mapping[str, Entity], lengths: bool) -> Iterator[str]:
    yield f"<EntityType Name={quoteattr(entity.type_name)}><Key>"
    yield from (f'<PropertyRef Name="{key}" />' for key in entity.key_fields)
    yield "</Key>"
    for described in entity.fields.values():
        yield from _property(described, entity, lengths)
    for relation in entity.relations.values():
        yield from _navigation(relation, entities[relation.target_set])
    yield _annotation("LabelId", f"String={quoteattr(label_id(entity))}")
    if entity.read_only:
        yield _annotation("IsReadOnly", 'Bool="true"')
    yield "</EntityType>"


def _property(described: Field, entity: Entity, lengths: bool) -> Iterator[str]:
    """Strings and enumerations are nullable unless they are part of the key, everything else is not."""
    nullable = described.kind in ("string", "enum") and described.name not in entity.key_fields
    flag = "" if nullable else ' Nullable="false"'
    if lengths and described.max_length is not None:
        flag += f' MaxLength="{described.max_length}"'
    if described.edm == "Edm.Decimal":
        flag += ' Scale="variable"'
    yield f'<Property Name="{described.name}" Type="{described.edm}"{flag}>'
    yield _annotation("AXType", f'EnumMember="{_TERM}.AXType/{ax_type(described)}"')
    yield _annotation("LabelId", f"String={quoteattr(label_id(entity, described))}")
    yield _annotation("HelpTextId", f"String={quoteattr(help_id(entity, described))}")
    if described.required == "yes":
        yield _annotation("IsRequired", 'Bool="true"')
    if not described.on_update:
        yield _annotation("AllowEdit", 'Bool="false"')
    if not described.on_create:
        yield _annotation("AllowEditOnCreate", 'Bool="false"')
    if not described.enabled:
        yield _annotation("ConfigurationKeyEnabled", 'Bool="false"')
    if country_of(described):
        yield _annotation("CountryRegionCodes", f'String="{country_of(described)}"')
    if is_dimension(described):
        yield _annotation("IsDimension", 'Bool="true"')
    yield "</Property>"


def _annotation(term: str, value: str) -> str:
    return f'<Annotation Term="{_TERM}.{term}" {value} />'


def _navigation(relation: Relation, target: Entity) -> Iterator[str]:
    kind = f"{NAMESPACE}.{target.type_name}"
    kind = f"Collection({kind})" if relation.many else kind
    partner = f' Partner="{relation.partner}"' if relation.partner else ""
    yield f'<NavigationProperty Name="{relation.name}" Type="{kind}"{partner}>'
    if not relation.many:
        for own, other in relation.pairs:
            yield f'<ReferentialConstraint Property="{own}" ReferencedProperty="{other}" />'
    yield "</NavigationProperty>"


def _action(action: Action, entity: Entity) -> Iterator[str]:
    kind = f"{NAMESPACE}.{entity.type_name}"
    yield f'<Action Name="{action.name}" IsBound="true">'
    bound = kind if action.on_row else f"Collection({kind})"
    yield f'<Parameter Name="{entity.type_name}" Type="{bound}" />'
    for name, edm in action.parameters.items():
        yield f'<Parameter Name="{name}" Type="{edm}" />'
    if action.returns:
        yield f'<ReturnType Type="{action.returns}" />'
    yield "</Action>"
