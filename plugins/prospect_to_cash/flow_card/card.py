"""What a card may say about its flow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from prospect_to_cash.flow_card.reads import Read
from prospect_to_cash.flow_card.values import FLOW_NAME, CardModel, Count, Share, Text, refuse
from prospect_to_cash.flow_card.writes import Write


def _in_utc(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


class SafetyLimit(CardModel):
    """How much a plan may touch before the run stops: both the share and the number must be exceeded.

    Creates are free (ruling 21). A record counts once, however many of its parts are touched.
    """

    share: Share = Field(
        default=0.5,
        description="Share of our records in the target that a plan may update, from 0 to 1.",
    )
    floor: Annotated[int, Field(ge=0)] = Field(
        default=100, description="So many records may be updated whatever their share."
    )
    removed_share: Share = Field(
        default=0.05,
        description="Share of our records in the target that a plan may deactivate, retire or remove, from 0 to 1.",
    )
    removed_floor: Annotated[int, Field(ge=0)] = Field(
        default=10, description="So many records may be deactivated, retired or removed whatever their share."
    )


class Document(CardModel):
    """Writes whose rows of one document are kept by the target as a whole or not at all, where its service can do that."""

    writes: Annotated[tuple[str, ...], Field(strict=False, min_length=2)] = Field(
        description="Names of the writes, the one that creates the document first; they follow each other in 'writes'.",
        examples=[["quotes", "quote_lines"]],
    )
    parts: Count = Field(
        default=100,
        description="Most rows of one change set; a document with more rows to send is sent write by write.",
    )
    creates: Literal["together", "apart"] = Field(
        default="together",
        description="Whether new documents are sent in change sets too (together), or write by write in bulk (apart); then the "
        "last write makes them usable.",
    )


class FlowCard(CardModel):
    """One flow: the DAG ``prospect_to_cash_<name>`` and the dbt tag ``<name>``."""

    FILLED_IN: ClassVar[frozenset[str]] = frozenset({"name", "text"})

    name: Annotated[str, Field(pattern=FLOW_NAME)] = Field(description="The card's file name without .yaml.")
    purpose: Text = Field(
        description="What the flow does, in one sentence.",
        examples=["Bring the accounts of Sales into Finance and Operations"],
    )
    record: Text = Field(
        default="record",
        description="What people call one record of the flow, in the singular; reports say it.",
        examples=["account"],
    )
    schedule: Text = Field(
        description="When the flow runs, as a cron expression in UTC.", examples=["30 * * * *"]
    )
    order: int = Field(
        default=100,
        description="Position among the flows when they run for the first time, parents before children.",
    )
    start_date: Annotated[datetime, AfterValidator(_in_utc)] = Field(
        default=datetime(2026, 1, 1, tzinfo=UTC),
        description="Start of the first interval for which the flow may run.",
        examples=[datetime(2026, 1, 1, tzinfo=UTC)],
    )
    max_rejected_share: Share = Field(
        default=0.2,
        description="A run fails if the target rejects more than this share of the records, and more than 20.",
    )
    safety_limit: SafetyLimit = Field(
        default=SafetyLimit(),
        description="How much a plan may touch before the run stops.",
        examples=[{"share": 0.5, "floor": 100}],
    )
    reads: Annotated[
        tuple[Annotated[Read, Field(discriminator="strategy")], ...], Field(strict=False, min_length=1)
    ] = Field(description="Entity sets that the flow reads.")
    writes: Annotated[tuple[Write, ...], Field(strict=False, min_length=1)] = Field(
        description="Entity sets that the flow writes, in this order."
    )
    documents: Annotated[tuple[Document, ...], Field(strict=False)] = Field(
        default=(),
        description="Writes that make one document, such as header and lines: each document is sent in one change set.",
    )
    text: str = Field(default="", description="The card as it stands in its file.")

    @property
    def dag_id(self) -> str:
        return f"prospect_to_cash_{self.name}"

    @property
    def extract_tasks(self) -> dict[str, tuple[Read, ...]]:
        """What each extract task reads, by task id, in the order of the card.

        ``extract.<read name>`` reads a large set, ``extract.<system>`` the small sets of a system.
        """
        tasks: dict[str, tuple[Read, ...]] = {}
        for read in self.reads:
            task = f"extract.{read.name if read.large else read.system}"
            tasks[task] = (*tasks.get(task, ()), read)
        return tasks

    @property
    def load_tasks(self) -> dict[str, tuple[Write, ...]]:
        """What each load task writes, by task id: one write, or all writes of a document."""
        named = {write.name: write for write in self.writes}
        inside = {name for document in self.documents for name in document.writes}
        tasks: dict[str, tuple[Write, ...]] = {}
        for write in self.writes:
            document = self.document_of(write.name)
            if document is None:
                tasks[f"load_{write.name}"] = (write,)
            elif document.writes[0] == write.name:
                tasks[f"load_{write.name}"] = tuple(named[name] for name in document.writes if name in inside)
        return tasks

    def document_of(self, write: str) -> Document | None:
        """The document that a write belongs to."""
        return next((document for document in self.documents if write in document.writes), None)

    @field_validator("writes")
    @classmethod
    def _count_the_flows_own(cls, writes: tuple[Write, ...], info: ValidationInfo) -> tuple[Write, ...]:
        name = info.data.get("name")
        return tuple(
            write.model_copy(update={"counts_as_record": write.name == name})
            if write.counts_as_record is None
            else write
            for write in writes
        )

    @model_validator(mode="after")
    def _has_documents_of_its_writes(self) -> FlowCard:
        names = [write.name for write in self.writes]
        systems = {write.name: write.system for write in self.writes}
        for document in self.documents:
            refuse(
                f"'documents' names write '{name}', which the card does not have; its writes are {', '.join(names)}."
                for name in document.writes
                if name not in names
            )
            start = names.index(document.writes[0])
            refuse(
                ["the writes of a document must follow each other in 'writes', in the same order."]
                if tuple(names[start : start + len(document.writes)]) != document.writes
                else []
            )
            refuse(
                ["the writes of a document must go to one system."]
                if len({systems[name] for name in document.writes}) > 1
                else []
            )
        return self

    @model_validator(mode="after")
    def _names_each_entry_once(self) -> FlowCard:
        refuse(
            f"{what} '{name}' appears twice; remove one of the two entries."
            for what, entries in (("read", self.reads), ("write", self.writes))
            for name in _repeated(entry.name for entry in entries)
        )
        return self


def _repeated(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)
