"""What a card may say about an entity set that it writes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from prospect_to_cash.flow_card.values import (
    FLOW_NAME,
    CardModel,
    Count,
    FieldName,
    FieldNames,
    NamedValues,
    System,
    Text,
    refuse,
)


def _absent_parts(value: object) -> object:
    is_body = isinstance(value, dict) and value and all(isinstance(name, str) for name in value)
    if value not in (None, "delete") and not is_body:
        raise ValueError('must be delete, or a body such as {IsInactive: "Yes"}')
    return value


class PackageImport(CardModel):
    """The data project by which data management imports created records."""

    group: Text = Field(
        description="Name of the data project; the import makes it if it does not exist.",
        examples=["P2C new customers"],
    )
    entity: Text = Field(description="Label of the entity in data management.", examples=["Customers V3"])
    min_rows: Count = Field(
        default=1000, description="With fewer records to create, OData creates them instead of a package."
    )
    fields: FieldNames = Field(
        default=(),
        description="Fields of the body to put into the package, if its entity lacks some; OData updates send the rest.",
        examples=[["CustomerGroupId", "OrganizationName"]],
    )
    names: dict[str, str] = Field(
        default_factory=dict,
        description="Names that the package's entity has for fields of the body, where they differ.",
        examples=[{"OrganizationName": "Name"}],
    )


class Write(CardModel):
    """One outbound relation and the entity set that its bodies go to."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"system": {"const": "sales"}}},
            "then": {"required": ["id"]},
        }
    )

    name: Annotated[str, Field(pattern=FLOW_NAME)] = Field(
        description="Tail of the outbound model's name, as in outbound_sales__account_numbers; unique across all cards.",
        examples=["account_numbers"],
    )
    system: System = Field(description="The system to write to: sales or finops.")
    entity: FieldName = Field(description="Name of the OData entity set.", examples=["CustomersV3"])
    key: Annotated[FieldNames, Field(min_length=1)] = Field(
        description="Properties by which an existing record is found.",
        examples=[["dataAreaId", "CustomerAccount"]],
    )
    id: FieldName | None = Field(
        default=None,
        description="Property with the GUID of the record; required for sales, not used for finops.",
        examples=["accountid"],
    )
    target_set: FieldName = Field(
        default_factory=lambda values: str(values["entity"]),
        description="Another entity set that takes the same bodies, if the requests must go there.",
    )
    creates: bool = Field(
        default=True, description="Whether the write may create records; if not, another write creates them."
    )
    counts_as_record: bool | None = Field(
        default=None,
        description="Whether its creates count as created records in the report; by default if the write has the flow's name.",
    )
    max_parallel: Count = Field(
        default=1, description="Most requests at the same time; fewer while the service asks to wait."
    )
    batch_size: Count = Field(default=100, description="Records per request.")
    bulk: bool = Field(default=True, description="Whether to use bulk actions where the target has them.")
    read_back: FieldNames = Field(
        default=(),
        description="Properties of a created record to keep, so that bodies of other records can refer to them.",
        examples=[["PartyNumber"]],
    )
    assigned_by_target: FieldNames = Field(
        default=(),
        description="Key properties that the target assigns when it creates a record.",
        examples=[["ContactPersonPartyNumber"]],
    )
    match_on: FieldNames = Field(
        default=(),
        description="Properties of the body by which a record with an assigned key is found again.",
        examples=[["FirstName", "LastName"]],
    )
    match_where: NamedValues | None = Field(
        default=None,
        description="Values that show that a record found by match_on was created by this write.",
        examples=[{"IsContactPersonExternallyMaintained": "Yes"}],
    )
    mark: NamedValues | None = Field(
        default=None,
        description="Values that show that a record is ours; reconcile reports marked records that belong to no source record. "
        "By default those of match_where.",
        examples=[{"IsExternallyMaintained": "Yes"}],
    )
    immutable: FieldNames = Field(
        default=(),
        description="Properties that the target changes or no longer takes once the record exists; reconcile leaves them out.",
        examples=[["CurrencyCode"]],
    )
    drift: Literal["report", "repair"] = Field(
        default="report",
        description="What to do with an owned property that was changed in the target, or a record that was deleted there: "
        "report it, or let the next run put it right.",
    )
    absent_parts: Annotated[Literal["delete"] | NamedValues | None, BeforeValidator(_absent_parts)] = Field(
        default=None,
        description="What to do with a delivered part (a line) that its document no longer has: delete, or a body to update it.",
        examples=["delete", {"IsInactive": "Yes"}],
    )
    package: PackageImport | None = Field(
        default=None,
        description="With this, data management imports the created records of finops as packages.",
        examples=[{"group": "P2C new customers", "entity": "Customers V3"}],
    )

    @property
    def marks(self) -> dict[str, object] | None:
        """The values by which a record that this write has created is recognized; None where it has no mark."""
        return (self.mark or self.match_where) if self.creates else None

    @property
    def relation(self) -> str:
        """Name of the dbt model in schema ``outbound`` that holds the bodies."""
        return f"outbound_{self.system}__{self.name}"

    @model_validator(mode="after")
    def _fits_together(self) -> Write:
        checks = (
            (self.system == "sales" and not self.id, "a write to sales needs 'id', the property with the GUID of the record."),
            (
                self.match_where is not None and not self.assigned_by_target,
                "'match_where' is for a write with 'assigned_by_target'; remove it, or add 'assigned_by_target'.",
            ),
            (
                self.mark is not None and not self.creates,
                "'mark' is for a write that creates records; put it on that write.",
            ),
            (
                not set(self.assigned_by_target) <= set(self.key),
                "'assigned_by_target' names properties that are not in 'key'; add them there.",
            ),
            (
                bool(self.assigned_by_target) and not self.match_on,
                "a write with 'assigned_by_target' needs 'match_on', the properties by which a created record is found again.",
            ),
            (
                self.package is not None and (self.system != "finops" or not self.creates),
                "'package' is for a write that creates records in finops; remove it.",
            ),
            (
                self.package is not None and bool(self.assigned_by_target),
                "'package' and 'assigned_by_target' exclude each other: an import finds its records by their key.",
            ),
        )  # fmt: skip
        refuse(sentence for is_wrong, sentence in checks if is_wrong)
        return self
