"""The connection to Dynamics 365 Sales."""

from typing import Any, ClassVar

from prospect_to_cash.clients import Credentials, DataverseClient
from prospect_to_cash.hooks.system import SystemHook


class SalesHook(SystemHook):
    """Connection type `d365_sales`."""

    conn_type: ClassVar[str] = "d365_sales"
    hook_name: ClassVar[str] = "Dynamics 365 Sales"
    default_conn_name: ClassVar[str] = "d365_sales"

    def client(self, root_url: str, credentials: Credentials, extra: dict[str, Any]) -> DataverseClient:
        return DataverseClient(root_url, credentials)
