"""The connection to Dynamics 365 Finance & Operations."""

from typing import Any, ClassVar

from prospect_to_cash.clients import Credentials, FinOpsClient
from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.hooks.system import SystemHook


class FinOpsHook(SystemHook):
    """Connection type `d365_finops`. Its companies are the legal entities that the flows read and write."""

    conn_type: ClassVar[str] = "d365_finops"
    hook_name: ClassVar[str] = "Dynamics 365 Finance & Operations"
    default_conn_name: ClassVar[str] = "d365_finops"

    def client(self, root_url: str, credentials: Credentials, extra: dict[str, Any]) -> FinOpsClient:
        return FinOpsClient(root_url, credentials, companies_of(extra))


def companies_of(extra: dict[str, Any]) -> tuple[str, ...]:
    """The companies of a connection in lower case, from a list or a comma-separated text. Raises Misconfigured."""
    companies = extra.get("companies") or []
    if isinstance(companies, str):
        companies = companies.split(",")
    if not isinstance(companies, list) or not all(isinstance(company, str) for company in companies):
        raise Misconfigured('companies must be a list of legal entities, for example ["usmf"].')
    return tuple(company.strip().lower() for company in companies if company.strip())
