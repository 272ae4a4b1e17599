"""The OData service of Dynamics 365 Finance & Operations.

Companies share one address: a request sees only the user's own company unless it says `cross-company=true`.
learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata.
"""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

import orjson

from prospect_to_cash.clients import literals
from prospect_to_cash.clients.answers import Fault
from prospect_to_cash.clients.auth import Credentials
from prospect_to_cash.clients.batch import Part
from prospect_to_cash.clients.odata import Patience, SystemClient
from prospect_to_cash.clients.operations import Kind, Operation
from prospect_to_cash.clients.pages import whole_rows
from prospect_to_cash.errors import Misconfigured

COMPANY = "dataAreaId"
_LEGAL_ENTITIES = ("LegalEntities", "LegalEntityId")
_WRITE_FAILED = "AxODataWriteException"
_TAKEN = re.compile(r"record already exists", re.IGNORECASE)
_CONFLICT = re.compile(r"deadlock|update conflict", re.IGNORECASE)


class FinOpsClient(SystemClient):
    """One Finance & Operations environment, and the companies in it that the connection serves."""

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
        patience: Patience | None = None,
    ) -> None:
        super().__init__(root_url, credentials, deadline, patience)
        self.companies = tuple(company.lower() for company in companies)

    def identity(self) -> dict[str, object]:
        """`env_id` and `host` (the name with its port), `companies` (the connection's, all known to exist).

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
        """30 seconds, as the documented sample waits when no Retry-After is given."""
        return 30.0

    def read_options(self, orderby: Sequence[str], filter: str | None) -> dict[str, str]:
        """Across companies, those of the connection where the key names one;

        Ordered, because pages are offsets.
        """
        if not orderby:
            raise ValueError("Finance & Operations pages by offset: give the key fields as orderby.")
        if self.companies and COMPANY in orderby:
            own = " or ".join(f"{COMPANY} eq {self.literal(company)}" for company in self.companies)
            filter = f"({own}) and ({filter})" if filter else own
        return {**super().read_options(orderby, filter), "cross-company": "true"}

    def write_part(self, operation: Operation) -> Part:
        """POST creates in the company its body names; PATCH and DELETE only ever touch what exists."""
        if operation.method == "POST":
            return Part("POST", self.api_root + literals.record_path(operation.entity), {}, operation.body)
        if not isinstance(operation.key, Mapping):
            raise ValueError(f"{operation.entity} is addressed by its key fields, not by {operation.key!r}.")
        headers = {"If-Match": operation.if_match} if operation.if_match and operation.if_match != "*" else {}
        url = f"{self.api_root}{literals.record_path(operation.entity, operation.key)}?cross-company=true"
        return Part(operation.method, url, headers, operation.body)

    def refusal(self, operation: Operation, fault: Fault) -> Kind:
        """Told by text as much as by status:

        Business refusals may come as 500, and a failed write is rolled back.
        """
        if _CONFLICT.search(fault.text):
            return "not_run"
        if operation.method == "POST" and (_TAKEN.search(fault.text) or fault.status == 409):
            return "exists"
        if fault.status == 412:
            return "stale"
        if (
            fault.status == 404
            and operation.method != "POST"
            and not fault.text.startswith("No HTTP resource")
        ):
            return "missing"
        if fault.status >= 500 and _WRITE_FAILED not in fault.type:
            return "unknown"
        return "rejected"
