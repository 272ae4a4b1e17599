"""Dataverse sheet, section 4: formats of values, and the query functions by name."""

import uuid
from datetime import UTC, datetime

import pytest

PREFIX = "Microsoft.Dynamics.CRM."
SPANS = [f"{which}{unit}" for which in ("Last", "This", "Next")
         for unit in ("Week", "Month", "Year", "FiscalPeriod", "FiscalYear")]  # fmt: skip
COUNTED = [
    *(f"{which}X{unit}" for which in ("Last", "Next")
      for unit in ("Hours", "Days", "Weeks", "Months", "Years", "FiscalPeriods", "FiscalYears")),
    *(f"OlderThanX{unit}" for unit in ("Minutes", "Hours", "Days", "Weeks", "Months", "Years")),
]  # fmt: skip
CALLER = {
    "_ownerid_value": ["EqualUserId", "NotEqualUserId", "EqualUserTeams", "EqualUserOrUserTeams",
                       "EqualUserOrUserHierarchy", "EqualUserOrUserHierarchyAndTeams"],
    "_owningbusinessunit_value": ["EqualBusinessId", "NotEqualBusinessId"],
}  # fmt: skip
YEAR = datetime.now(UTC).year
FUNCTIONS = {
    **dict.fromkeys(["Today", "Yesterday", "Tomorrow", "Last7Days", "Next7Days", *SPANS], "'createdon'"),
    **dict.fromkeys(COUNTED, "'createdon',PropertyValue=2"),
    **dict.fromkeys(["On", "NotOn", "OnOrAfter", "OnOrBefore"], "'createdon',PropertyValue=2026-01-31"),
    **dict.fromkeys(["In", "NotIn"], "'name',PropertyValues=['A','B']"),
    **dict.fromkeys(["Between", "NotBetween"], "'numberofemployees',PropertyValues=['1','2']"),
    **{name: f"'{column}'" for column, names in CALLER.items() for name in names},
    **dict.fromkeys(
        ["Above", "AboveOrEqual", "Under", "UnderOrEqual", "NotUnder"],
        "'accountid',PropertyValue='6a5b0c5e-0000-4000-8000-000000000001'",
    ),
    "Contains": "'name',PropertyValue='A'",
    "InFiscalYear": f"'createdon',PropertyValue={YEAR}",
    "InFiscalPeriod": "'createdon',PropertyValue=1",
    **dict.fromkeys(
        ["InFiscalPeriodAndYear", "InOrAfterFiscalPeriodAndYear", "InOrBeforeFiscalPeriodAndYear"],
        f"'createdon',PropertyValue1=1,PropertyValue2={YEAR}",
    ),
}


def test_s04_there_are_more_than_sixty_query_functions():
    assert len(FUNCTIONS) > 60


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_s04_each_query_function_is_known(sales, name):
    answer = sales.get(f"accounts?$select=name&$filter={PREFIX}{name}(PropertyName={FUNCTIONS[name]})")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("written", "read"),
    [("2026-01-31T09:15:00Z", "2026-01-31T09:15:00Z"), ("2026-01-31T09:15:00.750Z", "2026-01-31T09:15:00Z"),
     ("2026-01-31T10:15:00+01:00", "2026-01-31T09:15:00Z"), ("2026-01-31", "2026-01-31T00:00:00Z")],
)  # fmt: skip
def test_s04_a_moment_is_told_in_utc_without_fraction(sales, written, read):
    assert sales.create("accounts", {"name": "When", "lastonholdtime": written})["lastonholdtime"] == read


def test_s04_a_guid_is_told_in_lower_case_however_it_was_written(sales):
    parent, child = str(uuid.uuid4()).upper(), str(uuid.uuid4()).upper()
    sales.create("accounts", {"accountid": parent, "name": "Parent"})
    body = {"accountid": child, "name": "Child", "parentaccountid@odata.bind": f"/accounts({parent})"}
    row = sales.create("accounts", body)
    assert (row["accountid"], row["_parentaccountid_value"]) == (child.lower(), parent.lower())


@pytest.mark.parametrize("text", ["12.3456", "0.0001", "7.5"])
def test_s04_money_is_a_number_with_up_to_four_decimals(sales, text):
    answer = sales.post("accounts?$select=marketcap", {"name": "Money", "marketcap": float(text)},
                        Prefer="return=representation")  # fmt: skip
    assert f'"marketcap":{text}' in answer.text
