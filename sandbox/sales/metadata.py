"""The service document and a plain CSDL of the described tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

from sandbox.description import Entity


def service_document(context: str, entities: Mapping[str, Entity]) -> dict[str, Any]:
    sets = [{"name": name, "kind": "EntitySet", "url": name} for name in sorted(entities)]
    return {"@odata.context": context, "value": sets}


def csdl(entities: Mapping[str, Entity]) -> bytes:
    """Entity types with keys, properties and navigation properties, and their sets."""
    by_type = {e.type_name: e for e in entities.values()}
    out = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>',
        '<Schema Namespace="Microsoft.Dynamics.CRM" Alias="mscrm" xmlns="http://docs.oasis-open.org/odata/ns/edm">',
    ]
    for entity in entities.values():
        out.append(f"<EntityType Name={quoteattr(entity.type_name)}>")
        out.append(f"<Key><PropertyRef Name={quoteattr(entity.key_fields[0])} /></Key>")
        for described in entity.fields.values():
            length = f' MaxLength="{described.max_length}"' if described.max_length else ""
            out.append(f'<Property Name="{described.name}" Type="{described.edm}"{length} />')
            for navigation, targets in described.navigation.items():
                if targets[0] in by_type:
                    out.append(
                        f'<NavigationProperty Name="{navigation}" Type="mscrm.{targets[0]}">'
                        f'<ReferentialConstraint Property="{described.name}" '
                        f'ReferencedProperty="{by_type[targets[0]].key_fields[0]}" /></NavigationProperty>'
                    )
        out.append("</EntityType>")
    out.append('<EntityContainer Name="System">')
    for name, entity in entities.items():
        out.append(f'<EntitySet Name="{name}" EntityType="Microsoft.Dynamics.CRM.{entity.type_name}" />')
    out.append("</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>")
    return "\n".join(out).encode("utf-8")
