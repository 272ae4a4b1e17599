"""A caller without security roles has no access to rows (dataverse sheet, sections 1, 5.8 and 8)."""

from __future__ import annotations

from d365_sandbox.dataverse.definition import metadata_id
from d365_sandbox.dataverse.definitions import NAMES
from d365_sandbox.dataverse.errors import Refused
from d365_sandbox.dataverse.foundation import user_of
from d365_sandbox.odata.addresses import Address
from d365_sandbox.schemas.entity import Entity
from d365_sandbox.store.store import Store
from d365_sandbox.web.messages import Call

_VERBS = {"GET": "Read", "POST": "Create", "PATCH": "Write", "PUT": "Write", "DELETE": "Delete"}
_CREATE_MULTIPLE = "Microsoft.Dynamics.CRM.CreateMultiple"


def check(store: Store, call: Call, entity: Entity, address: Address) -> None:
    """Refuse the operation of a caller who has no role. The wording is seen in published answers; which privilege an
    upsert names first is assumed."""
    if call.has_roles:
        return
    verb = _VERBS.get(call.method, "Write")
    changes_row = address.key is not None or address.rest[:1] != (_CREATE_MULTIPLE,)
    if call.method != "GET" and address.rest and changes_row:
        verb = "Write"
    raise _denied(store, call, entity.type_name, verb)


def check_action(store: Store, call: Call, name: str) -> None:
    """The same for an action, which changes a document of the table that its name ends in (assumed)."""
    if call.has_roles:
        return
    table = "invoice" if "Invoice" in name else "salesorder" if "SalesOrder" in name else "quote"
    raise _denied(store, call, table, "Write")


def _denied(store: Store, call: Call, table: str, verb: str) -> Refused:
    schema_name, type_code = NAMES[table]
    return Refused(
        403,
        "0x80040220",
        f"Principal user (Id={user_of(store, call.client_id)}, type=8, roleCount=0, privilegeCount=0) is missing "
        f"prv{verb}{schema_name} privilege (Id={metadata_id('privilege', verb, table)}) on OTC={type_code} for "
        f"entity '{table}'.",
    )
