"""Accounts in Sales and customers in F&O, for the tests of several flows."""

from __future__ import annotations

NEW_ACCOUNT = "7d4f0c5e-6a1b-4c6e-9f3e-0000000000{:02}"
STREETS = {"address1_line1": "1 Elm St", "address1_city": "Seattle", "address1_stateorprovince": "WA",
           "address1_postalcode": "98101", "address1_country": "United States"}  # fmt: skip


def customers(world) -> dict[str, dict]:
    """Customers of company usmf by number."""
    rows = world.finops.rows("CustomersV3", filter="dataAreaId eq 'usmf'")
    return {row["CustomerAccount"]: row for row in rows}


def currency(world, code: str = "USD") -> str:
    """Id of a currency of Sales."""
    rows = world.sales.rows("transactioncurrencies", filter=f"isocurrencycode eq '{code}'")
    return rows[0]["transactioncurrencyid"]


def account(world, n: int, **more: object) -> str:
    """Create account number NEW-000n in Sales; returns its id."""
    guid = NEW_ACCOUNT.format(n)
    body = {
        "accountid": guid,
        "name": f"New Account {n}",
        "accountnumber": f"NEW-{n:04}",
        **STREETS,
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency(world)})",
        **more,
    }
    world.sales.send("POST", "accounts", {name: value for name, value in body.items() if value is not None})
    return guid


def change_account(world, guid: str, **fields: object) -> None:
    world.sales.send("PATCH", f"accounts({guid})", fields)
