"""What a card may say about an entity set that it reads: one model per strategy."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, model_validator

from prospect_to_cash.flow_card.values import (
    CardModel,
    Count,
    Duration,
    FieldName,
    FieldNames,
    NamedValues,
    System,
    Text,
)

_STRATEGY = "How changes are found; which other fields a read may have depends on it."
_CHANGED_AT = "Field with the time of the last change, to read a window of time."
_FILTER = "OData filter of the records to read."
_OVERLAP = "How far a window reaches back into the one before it."
_LAG = "How far a window stays behind the source's clock."


class PackageExport(CardModel):
    """The data projects by which data management exports an entity."""

    group: Text = Field(
        description="Name of the data project that exports the changes.", examples=["P2C customers, changes"]
    )
    entity: Text = Field(description="Label of the entity in data management.", examples=["Customers V3"])
    full_group: Text | None = Field(
        default=None,
        description="Name of a second data project that exports everything; without it, full reads go by OData.",
        examples=["P2C customers, all"],
    )
    dates: Literal["us", "eu"] = Field(
        default="us",
        description="How the project's source format writes dates: us (month first) or eu (day first).",
    )


class BaseRead(CardModel):
    """What every read has, whatever its strategy."""

    FILLED_IN: ClassVar[frozenset[str]] = frozenset({"select"})

    system: System = Field(description="The system to read from: sales or finops.")
    entity: FieldName = Field(description="Name of the OData entity set.", examples=["accounts"])
    key: Annotated[FieldNames, Field(min_length=1)] = Field(
        description="Fields that identify a record.", examples=[["accountid"]]
    )
    strategy: Literal["window", "delta", "compare", "package"] = Field(description=_STRATEGY)
    version: FieldName | None = Field(
        default=None,
        description="Field with a number that grows with each change: an older version never replaces a newer one.",
        examples=["versionnumber"],
    )
    page_size: Count | None = Field(
        default=None, description="Rows per page, or per slice of a package.", examples=[5000]
    )
    large: bool = Field(
        default=False,
        description="Whether a task of its own reads this set; the small sets of a system are read together by one task.",
    )
    only_if: NamedValues | None = Field(
        default=None,
        description="Vars and the values that they must have in the installation for this set to be read.",
        examples=[{"company_from": "owner_team"}],
    )
    select: FieldNames = Field(
        default=(), description="Fields to ask for, from the dbt sources and the vars."
    )

    @property
    def name(self) -> str:
        """Name of the raw table and of the dbt source's identifier."""
        return f"{self.system}_{snake(self.entity)}"


class WindowRead(BaseRead):
    """Strategy ``window``: the records that changed since the last read. Deleted records stay unnoticed."""

    every: ClassVar[None] = None

    strategy: Literal["window"] = Field(default="window", description=_STRATEGY)
    changed_at: FieldName = Field(description=_CHANGED_AT, examples=["modifiedon"])
    filter: Text | None = Field(default=None, description=_FILTER, examples=["statecode eq 0"])
    overlap: Duration = Field(default=timedelta(minutes=5), description=_OVERLAP)
    lag: Duration = Field(default=timedelta(0), description=_LAG)


class DeltaRead(BaseRead):
    """Strategy ``delta``: what Dataverse's change tracking reports as changed or deleted."""

    every: ClassVar[None] = None
    filter: ClassVar[None] = None

    system: Literal["sales"] = Field(
        description="The system to read from: change tracking is a feature of sales."
    )
    strategy: Literal["delta"] = Field(default="delta", description=_STRATEGY)
    changed_at: FieldName = Field(
        description="Field with the time of the last change: backfills read windows of time.",
        examples=["modifiedon"],
    )
    overlap: Duration = Field(default=timedelta(minutes=5), description=_OVERLAP)
    lag: Duration = Field(default=timedelta(0), description=_LAG)
    change_tracking_expires_after: Duration = Field(
        default=timedelta(days=7),
        description="The organization's setting ExpireChangeTrackingInDays; the log warns before the changes expire.",
    )

    @model_validator(mode="after")
    def _has_one_key(self) -> DeltaRead:
        if len(self.key) != 1:
            raise ValueError(
                "strategy 'delta' takes one key field, the GUID: change tracking names deleted records by it."
            )
        return self


class CompareRead(BaseRead):
    """Strategy ``compare``: all records; those that are missing were deleted."""

    changed_at: ClassVar[None] = None
    overlap: ClassVar[timedelta] = timedelta(0)
    lag: ClassVar[timedelta] = timedelta(0)

    strategy: Literal["compare"] = Field(default="compare", description=_STRATEGY)
    filter: Text | None = Field(default=None, description=_FILTER, examples=["statecode eq 0"])
    every: Duration | None = Field(
        default=None, description="How often all records are read; without it, in every run.", examples=["1d"]
    )


class PackageRead(BaseRead):
    """Strategy ``package``: what a data project of Finance and Operations exports, for large volumes."""

    changed_at: ClassVar[None] = None
    filter: ClassVar[None] = None
    overlap: ClassVar[timedelta] = timedelta(0)
    lag: ClassVar[timedelta] = timedelta(0)

    system: Literal["finops"] = Field(
        description="The system to read from: data management is a feature of finops."
    )
    strategy: Literal["package"] = Field(default="package", description=_STRATEGY)
    every: Duration = Field(
        description="How often all records are read: package exports do not report deletions.",
        examples=["1d"],
    )
    package: PackageExport = Field(
        description="Data project and entity of the export.",
        examples=[{"group": "P2C customers, changes", "entity": "Customers V3"}],
    )


Read: TypeAlias = WindowRead | DeltaRead | CompareRead | PackageRead
"""One entity set that the flow copies into its raw table."""
READS: dict[str, type[Read]] = {
    "window": WindowRead, "delta": DeltaRead, "compare": CompareRead, "package": PackageRead,
}  # fmt: skip


def snake(entity: str) -> str:
    """``CustomersV3`` -> ``customers_v3``, ``CDSReleasedDistinctProducts`` -> ``cds_released_...``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", entity).lower()
