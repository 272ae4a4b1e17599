"""The OData service of Dynamics 365 Finance & Operations.

All companies share one address; a request sees only the user's default company unless it has `cross-company=true`.
learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

import orjson

from prospect_to_cash.clients.http.auth import Credentials
from prospect_to_cash.clients.http.retry import RetryPolicy
from prospect_to_cash.clients.odata import literals
from prospect_to_cash.clients.odata.answers import WRITE_FAILED, Fault
from prospect_to_cash.clients.odata.batch import Part
from prospect_to_cash.clients.odata.client import SystemClient
from prospect_to_cash.clients.odata.operations import Kind, Operation
from prospect_to_cash.clients.odata.pages import whole_rows
from prospect_to_cash.errors import Misconfigured

COMPANY = "dataAreaId"
_LEGAL_ENTITIES = ("LegalEntities", "LegalEntityId")
_TAKEN = re.compile(r"record already exists", re.IGNORECASE)
_CONFLICT = re.compile(r"deadlock|update conflict", re.IGNORECASE)
_VALUES = re.compile(r"'[^']*'")
# Values whose JSON type does not tell that of the property.
_MAY_BE_NO_TEXT = re.compile(r"Yes|No|\d{4}-\d\d-\d\d.*")
_NO_DATE = "1900-01-01T12:00:00Z"


class FinOpsClient(SystemClient):
    """One Finance & Operations environment and the companies that the connection serves."""

    system: ClassVar[str] = "finops"
    api_path: ClassVar[str] = "/data/"
    EMPTY: ClassVar[str | None] = ""
    largest_batch: ClassVar[int] = 200  # a batch shares one request's time; documentation allows 5000
    change_sets: ClassVar[bool] = True  # the documented form; one operation each, so that none undoes another
    upserts: ClassVar[bool] = False
    pages_by_offset: ClassVar[bool] = True
    probe: ClassVar[str] = "LegalEntities?$select=LegalEntityId&$top=1&cross-company=true"

    def __init__(
        self,
        root_url: str,
        credentials: Credentials,
        companies: Sequence[str] = (),
        deadline: float | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        super().__init__(root_url, credentials, deadline, retry)
        self.companies = tuple(company.lower() for company in companies)

    def emptied(self, entity: str, field: str, before: object) -> object:
        """F&O has no null: an empty number is 0, an empty date 1900-01-01, an empty NoYes No, an empty text a text."""
        if isinstance(before, (int, float, Decimal)) and not isinstance(before, bool):
            return 0
        if isinstance(before, str) and not _MAY_BE_NO_TEXT.fullmatch(before):
            return ""
        described = self.describe([entity])[entity].properties.get(field)
        match described.type.rpartition(".")[2] if described else "":
            case "Decimal" | "Double" | "Single" | "Int16" | "Int32" | "Int64":
                return 0
            case "DateTimeOffset":
                return _NO_DATE
            case "Date":
                return _NO_DATE[:10]
            case "NoYes":
                return "No"
            case _:
                return ""

    def identity(self) -> dict[str, object]:
        """`env_id` and `host` (the name with its port), and `companies`, those of the connection.

        Raises Misconfigured for a company that the environment does not have.
        """
        entity, name = _LEGAL_ENTITIES
        rows = (row for page in self.pages(entity, [name], orderby=[name]) for row in whole_rows(page))
        known = {str(orjson.loads(row).get(name)).lower() for row in rows}
        absent = sorted(set(self.companies) - known)
        if absent:
            raise Misconfigured(
                f"{self.host} has no company {', '.join(absent)}, it has {', '.join(sorted(known))}. "
                "Correct the companies of the connection."
            )
        return {"env_id": self.host, "host": self.host, "companies": list(self.companies)}

    def check(self) -> str:
        self.identity()
        served = (
            f"serving {', '.join(self.companies)}"
            if self.companies
            else "but the connection names no company"
        )
        return f"Connected to {self.host}, {served}."

    def default_wait(self, before: int) -> float:
        """30 seconds, as in Microsoft's sample for answers without Retry-After."""
        return 30.0

    def read_options(self, orderby: Sequence[str], filter: str | None) -> dict[str, str]:
        """Reads across companies, limited to those of the connection where the key has a company.

        An order is required, because pages are offsets.
        """
        if not orderby:
            raise ValueError("Finance & Operations pages by offset: pass the key fields as orderby.")
        if self.companies and COMPANY in orderby:
            own = " or ".join(f"{COMPANY} eq {self.literal(company)}" for company in self.companies)
            filter = f"({own}) and ({filter})" if filter else own
        return {**super().read_options(orderby, filter), "cross-company": "true"}

    def write_part(self, operation: Operation) -> Part:
        """POST creates in the company that its body names; PATCH and DELETE never create."""
        if operation.method == "POST":
            return Part("POST", self.api_root + literals.record_path(operation.entity), {}, operation.body)
        if not isinstance(operation.key, Mapping):
            raise ValueError(f"{operation.entity} is addressed by its key fields, not by {operation.key!r}.")
        headers = {"If-Match": operation.if_match} if operation.if_match and operation.if_match != "*" else {}
        url = f"{self.api_root}{literals.record_path(operation.entity, operation.key)}?cross-company=true"
        return Part(operation.method, url, headers, operation.body)

    def refusal(self, operation: Operation, fault: Fault) -> Kind:
        """Classified by status and type, and by text where the user's language is English.

        A sentence in another language makes a refused create `rejected`, so whoever sent it should read it back.
        F&O also answers 500 to a write that breaks a business rule. It is rolled back then.
        """
        text = _VALUES.sub("", fault.text)
        if _CONFLICT.search(text):
            return "not_run"
        if operation.method == "POST" and (_TAKEN.search(text) or fault.status == 409):
            return "exists"
        if fault.status == 412:
            return "stale"
        if fault.status == 404 and operation.method != "POST" and not fault.foreign:
            return "missing"  # an entity set that does not exist is answered in another form
        if fault.status >= 500 and WRITE_FAILED not in fault.type:
            return "unknown"
        return "rejected"
