"""Hooks: each turns an Airflow connection into a client, and does nothing else."""

from prospect_to_cash.hooks.finops import FinOpsHook
from prospect_to_cash.hooks.sales import SalesHook
from prospect_to_cash.hooks.system import SystemHook

_HOOKS: dict[str, type[SystemHook]] = {"sales": SalesHook, "finops": FinOpsHook}


def hook_for(system: str, conn_id: str | None = None) -> SystemHook:
    """The hook of `sales` or `finops`, for its default connection unless another is named. Raises KeyError."""
    hook = _HOOKS[system]
    return hook(conn_id) if conn_id else hook()


def pool_of(system: str) -> str:
    """The Airflow pool for tasks that talk to `sales` or `finops`: it has the name of the usual connection."""
    return _HOOKS[system].default_conn_name
