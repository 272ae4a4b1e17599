"""Whether the rules that hold a record fit: each is in the catalogue, and names a field that has something to do with what
was replaced."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from tests.dbt.warehouse import DBT_PROJECT
from tests.hostile.touched import Unit
from tests.hostile.world import Rows

RULES = {
    (row["flow"], row["rule"]): row
    for row in csv.DictReader((DBT_PROJECT / "seeds" / "rules.csv").open(encoding="utf-8"))
}
# fields of a violation that another field of the record than the one of that name can break
OTHERS = {
    "accountnumber": {"accountnumber"},
    "contactid": {"employeeid"},
    "company": {"_owningbusinessunit_value"},
    "address1_stateorprovince": {"address1_country"},
    "address2_stateorprovince": {"address2_country"},
    "shipto_stateorprovince": {"shipto_country"},
    "address1_line1": {"address1_line2", "address1_line3"},
    "address2_line1": {"address2_line2", "address2_line3"},
    "shipto_line1": {"shipto_line2", "shipto_line3"},
    "shipto_country": {"shipto_line1", "shipto_city", "shipto_name"},
    "shipto_name": {"name"},
    "lastname": {"firstname"},
    "statecode": {"statuscode", "_masterid_value"},
    "SalesPriceQuantity": {"SalesPrice"},
    "SalesPrice": {"CurrencyCode"},
    "dataAreaId": {"ProductNumber"},
}
# fields of a violation that other records than the record itself may break
FOREIGN = {"company", "", "customerid", "dataAreaId", "parentcustomerid", "accountnumber", "contactid", "quotenumber",
           "ProductNumber", "transactioncurrencyid", "totallineitemamount", "revisionnumber", "statecode"}  # fmt: skip


def faults_of_rules(before: Rows, after: Rows, valid, result, units: set[Unit]) -> Iterator[tuple[str, str]]:
    for (flow, key), found in result.violations.items():
        for row in found:
            rule = RULES.get((flow, row["broken_rule"]))
            if rule is None or rule["effect"] != row["effect"] or not rule["sentence"]:
                yield flow, f"{(flow, key)} breaks {row['broken_rule']}, which is no rule of the catalogue"
    for flow, key in sorted(units & {("accounts", one) for one in before["sales", "accounts"]}):
        yield from unfitting(before, after, valid, result, (flow, key))
    for flow, key in sorted(units & {("contacts", one) for one in before["sales", "contacts"]}):
        yield from unfitting(before, after, valid, result, (flow, key))


def unfitting(before: Rows, after: Rows, valid, result, unit: Unit) -> Iterator[tuple[str, str]]:
    """Rules that hold an account or contact for a field of its own, of which nothing was replaced."""
    flow, key = unit
    old, new = before["sales", flow].get(key), after["sales", flow].get(key)
    if old is None or new is None:
        return
    replaced = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    names = replaced | {name.strip("_").removesuffix("_value") for name in replaced}
    known = {(row["broken_rule"], row["field"]) for row in valid.violations.get(unit, [])}
    for row in result.violations.get(unit, []):
        field = row["field"]
        if (
            (row["broken_rule"], field) in known
            or field in names | FOREIGN
            or OTHERS.get(field, set()) & replaced
        ):
            continue
        if row["effect"] != "warn" and row["broken_rule"] != "decision_role_missing":
            yield (
                flow,
                f"{unit} is held by {row['broken_rule']} ({field}), of which nothing was replaced: {sorted(replaced)}",
            )
