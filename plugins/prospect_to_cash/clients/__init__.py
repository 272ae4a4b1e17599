"""Clients of the two systems: HTTP, OData and nothing of Airflow."""

from prospect_to_cash.clients.auth import Credentials
from prospect_to_cash.clients.dataverse import DataverseClient
from prospect_to_cash.clients.finops import FinOpsClient
from prospect_to_cash.clients.odata import Patience, SystemClient
from prospect_to_cash.clients.operations import Answer, Operation
from prospect_to_cash.clients.pages import Page

__all__ = [
    "Answer",
    "Credentials",
    "DataverseClient",
    "FinOpsClient",
    "Operation",
    "Page",
    "Patience",
    "SystemClient",
]
