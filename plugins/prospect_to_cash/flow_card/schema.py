"""The JSON schema of a card, for editors: ``dags/flows/flow_card.schema.json``."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from prospect_to_cash.flow_card.card import FlowCard
from prospect_to_cash.flow_card.values import duration_text


class _CardSchema(GenerateJsonSchema):
    """Without the titles, which repeat the names, and with defaults as a card writes them."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """A card leaves a key out; it does not write null."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        found = super().default_schema(schema)
        return {name: value for name, value in found.items() if name != "default" or value is not None}

    def encode_default(self, dft: object) -> Any:
        return duration_text(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def schema() -> dict[str, Any]:
    """The schema of a card's file."""
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **FlowCard.model_json_schema(schema_generator=_CardSchema),
    }


def schema_text() -> str:
    """The same as the text of its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
