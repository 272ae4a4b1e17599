"""Actions and functions as the metadata document describes them (dataverse sheet, sections 6 and 9)."""

from __future__ import annotations

from dataclasses import dataclass

Parameters = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One action or function: parameter names with their types, and what it answers with.

    Types without a namespace are tables or complex types of the service.
    """

    name: str
    parameters: Parameters = ()
    returns: str = ""


_COLUMNS = ("ColumnSet", "ColumnSet")

ACTIONS = (
    Operation("CalculatePrice", (("Target", "crmbaseentity"), ("ParentId", "Edm.Guid"))),
    Operation("CancelSalesOrder", (("OrderClose", "orderclose"), ("Status", "Edm.Int32"))),
    Operation("CloseQuote", (("QuoteClose", "quoteclose"), ("Status", "Edm.Int32"))),
    Operation(
        "ConvertQuoteToSalesOrder",
        (
            ("QuoteId", "Edm.Guid"),
            _COLUMNS,
            ("QuoteCloseDate", "Edm.DateTimeOffset"),
            ("QuoteCloseStatus", "Edm.Int32"),
            ("QuoteCloseSubject", "Edm.String"),
            ("QuoteCloseDescription", "Edm.String"),
        ),
        "salesorder",
    ),
    Operation("ConvertSalesOrderToInvoice", (("SalesOrderId", "Edm.Guid"), _COLUMNS), "invoice"),
    Operation("FulfillSalesOrder", (("OrderClose", "orderclose"), ("Status", "Edm.Int32"))),
    Operation("LockInvoicePricing", (("InvoiceId", "Edm.Guid"),)),
    Operation("LockSalesOrderPricing", (("SalesOrderId", "Edm.Guid"),)),
    Operation("ReviseQuote", (("QuoteId", "Edm.Guid"), _COLUMNS), "quote"),
    Operation("UnlockInvoicePricing", (("InvoiceId", "Edm.Guid"),)),
    Operation("UnlockSalesOrderPricing", (("SalesOrderId", "Edm.Guid"),)),
    Operation("WinQuote", (("QuoteClose", "quoteclose"), ("Status", "Edm.Int32"))),
)

BULK_ACTIONS = (
    Operation("CreateMultiple", returns="CreateMultipleResponse"),
    Operation("UpdateMultiple"),
    Operation("UpsertMultiple"),
)

FUNCTIONS = (
    Operation(
        "RetrieveCurrentOrganization",
        (("AccessType", "EndpointAccessType"),),
        "RetrieveCurrentOrganizationResponse",
    ),
    Operation(
        "RetrieveTotalRecordCount",
        (("EntityNames", "Collection(Edm.String)"),),
        "RetrieveTotalRecordCountResponse",
    ),
    Operation("RetrieveVersion", returns="RetrieveVersionResponse"),
    Operation("WhoAmI", returns="WhoAmIResponse"),
)

COMPLEX_TYPES = (
    Operation("ColumnSet", (("AllColumns", "Edm.Boolean"), ("Columns", "Collection(Edm.String)"))),
    Operation("CreateMultipleResponse", (("Ids", "Collection(Edm.Guid)"),)),
    Operation(
        "EndpointCollection",
        (
            ("Count", "Edm.Int32"),
            ("IsReadOnly", "Edm.Boolean"),
            ("Keys", "Collection(Edm.String)"),
            ("Values", "Collection(Edm.String)"),
        ),
    ),
    Operation(
        "EntityRecordCountCollection",
        (
            ("Count", "Edm.Int32"),
            ("IsReadOnly", "Edm.Boolean"),
            ("Keys", "Collection(Edm.String)"),
            ("Values", "Collection(Edm.Int64)"),
        ),
    ),
    Operation(
        "OrganizationDetail",
        (
            ("OrganizationId", "Edm.Guid"),
            ("FriendlyName", "Edm.String"),
            ("OrganizationVersion", "Edm.String"),
            ("EnvironmentId", "Edm.String"),
            ("Geo", "Edm.String"),
            ("TenantId", "Edm.String"),
            ("UrlName", "Edm.String"),
            ("UniqueName", "Edm.String"),
            ("State", "OrganizationState"),
            ("Endpoints", "EndpointCollection"),
        ),
    ),
    Operation("RetrieveCurrentOrganizationResponse", (("Detail", "OrganizationDetail"),)),
    Operation(
        "RetrieveTotalRecordCountResponse", (("EntityRecordCountCollection", "EntityRecordCountCollection"),)
    ),
    Operation("RetrieveVersionResponse", (("Version", "Edm.String"),)),
    Operation(
        "WhoAmIResponse",
        (("BusinessUnitId", "Edm.Guid"), ("UserId", "Edm.Guid"), ("OrganizationId", "Edm.Guid")),
    ),
)

ENUMS = {
    "EndpointAccessType": {"Default": 0, "Internet": 1, "Intranet": 2},
    "OrganizationState": {"Enabled": 0, "Disabled": 1},
}
"""Choices of columns are plain integers in this service; only these parameters are enumerations."""

ACTIVITY_ENDS = {"quoteclose": "quoteid", "orderclose": "salesorderid"}
"""Tables of the activities that close a document, with the lookup of the document, which actions take."""
