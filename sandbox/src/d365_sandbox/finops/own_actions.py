"""The actions of this environment: versions of the system, and an extension that posts sales orders.

The version actions are those of the standard entity `DataManagementEntities`; the posting actions stand for what a
partner adds to an environment (no action of the standard application posts orders; their names are this sandbox's).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from d365_sandbox.finops import posting
from d365_sandbox.finops.actions import Action, ActionError, Request
from d365_sandbox.finops.orders import NUMBER
from d365_sandbox.finops.package_actions import ACTIONS as PACKAGE_ACTIONS
from d365_sandbox.finops.posting import Posting, PostingError

APPLICATION_VERSION = "10.0.42"
PLATFORM_VERSION = "7.0.7521.60"
_VERSIONS = {
    "GetApplicationVersion": APPLICATION_VERSION,
    "GetApplicationBuildVersion": "10.0.2095.12",
    "GetPlatformVersion": "PU66",
    "GetPlatformBuildVersion": PLATFORM_VERSION,
}
_POSTING = {
    "ConfirmSalesOrder": "confirm",
    "PostPickingList": "pick",
    "PostPackingSlip": "pack",
    "PostInvoice": "invoice",
    "CancelSalesOrder": "cancel",
    "CalculateSalesTotals": "calculate-totals",
}
_EDM: Mapping[type, str] = {str: "Edm.String", bool: "Edm.Boolean", int: "Edm.Int32"}
_HEADERS = ("CDSSalesOrderHeaders", "SalesOrderHeadersV2", "SalesOrderHeadersV4")


def _post(step: str) -> Callable[[Request], Any]:
    def run(request: Request) -> Any:
        assert request.row is not None
        order = Posting(request.tx, str(request.row.key[0]), str(request.row.fields[NUMBER]), request.now)
        try:
            found = posting.run(step, order)
        except PostingError as error:
            raise ActionError(str(error)) from None
        return found.get("InvoiceNumber") or next(iter(found.values()))

    return run


def _answering(text: str) -> Callable[[Request], Any]:
    return lambda _: text


OWN_ACTIONS = (
    *(
        Action(name, "DataManagementEntities", on_row=False, run=_answering(version), returns="Edm.String")
        for name, version in _VERSIONS.items()
    ),
    *(
        Action(name, set_name, on_row=True, run=_post(step), returns="Edm.String")
        for set_name in _HEADERS
        for name, step in _POSTING.items()
    ),
)


def package_actions() -> tuple[Action, ...]:
    """The actions of data management as the metadata shows them; package_actions.py answers them."""
    return tuple(
        Action(
            name,
            "DataManagementDefinitionGroups",
            on_row=False,
            run=_answering(""),
            parameters={n: _EDM[kind] for n, kind in {**action.required, **action.optional}.items()},
            optional=frozenset(action.optional),
            returns=action.returns,
        )
        for name, action in PACKAGE_ACTIONS.items()
    )
