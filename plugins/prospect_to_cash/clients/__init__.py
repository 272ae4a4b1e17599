"""Clients of the two systems, free of Airflow. Imports run one way: data_management, {dataverse, finops}, odata, http."""

from prospect_to_cash.clients.dataverse.client import DataverseClient
from prospect_to_cash.clients.finops.client import FinOpsClient
from prospect_to_cash.clients.http.auth import Credentials
from prospect_to_cash.clients.http.retry import RetryPolicy
from prospect_to_cash.clients.odata.client import SystemClient
from prospect_to_cash.clients.odata.metadata import Property, SetDescription
from prospect_to_cash.clients.odata.operations import Answer, Operation, SetAnswer
from prospect_to_cash.clients.odata.pages import Page

__all__ = [
    "Answer",
    "Credentials",
    "DataverseClient",
    "FinOpsClient",
    "Operation",
    "Page",
    "Property",
    "RetryPolicy",
    "SetAnswer",
    "SetDescription",
    "SystemClient",
]
