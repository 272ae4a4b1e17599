"""Cards for tests that are about something else."""

from __future__ import annotations

from typing import TypeVar

from prospect_to_cash.flow_card import CompareRead, FlowCard, Read, Write
from prospect_to_cash.flow_card.values import CardModel

Model = TypeVar("Model", bound=CardModel)
READ = CompareRead(system="sales", entity="things", key=("id",))
WRITE = Write(name="things", system="finops", entity="Things", key=("Id",))


def card(
    name: str = "things",
    reads: tuple[Read, ...] = (READ,),
    writes: tuple[Write, ...] = (WRITE,),
    **more: object,
) -> FlowCard:
    """A card with one read and one write, unless the test passes others."""
    values = {"purpose": "Move things.", "schedule": "0 * * * *", **more}
    return FlowCard.model_validate({"name": name, "reads": reads, "writes": writes, **values})


def changed(model: Model, **values: object) -> Model:
    """A copy with other values, checked like the model itself."""
    kept = {name: getattr(model, name) for name in model.model_fields_set}
    return type(model).model_validate({**kept, **values})
