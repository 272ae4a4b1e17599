"""What a fresh sandbox serves of the sample records."""

from collections import Counter

import pytest

from d365_sandbox.server import samples
from d365_sandbox.server.settings import Settings
from support.folders import CONTACT, LINE, ORDER, small_folder, write
from support.running import Sandbox

LOOKUP_NAME = "@Microsoft.Dynamics.CRM.lookuplogicalname"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("demo"), "--accounts", "150", "--products", "60")
    yield sandbox
    sandbox.kill()


def test_quotes_are_for_accounts_and_for_contacts(demo):
    everything = {"Prefer": 'odata.include-annotations="*"'}
    quotes = demo.sales.rows("quotes?$select=quotenumber,_customerid_value,_accountid_value", **everything)

    kinds = Counter(quote[f"_customerid_value{LOOKUP_NAME}"] for quote in quotes)
    assert set(kinds) == {"account", "contact"}
    for quote in quotes:
        of_account = quote[f"_customerid_value{LOOKUP_NAME}"] == "account"
        assert quote["_accountid_value"] == (quote["_customerid_value"] if of_account else None)


def test_contacts_have_the_names_and_parents_that_sales_derives(demo):
    contacts = demo.sales.rows(
        "contacts?$select=fullname,_parentcustomerid_value,_accountid_value,_parentcontactid_value"
    )

    assert len(contacts) == 90
    assert {bool(c["_accountid_value"]) for c in contacts} == {
        bool(c["_parentcontactid_value"]) for c in contacts
    }
    assert "Fay Decision Maker" in {c["fullname"] for c in contacts}


def test_sales_computes_the_amounts_that_drafts_were_loaded_with(demo):
    drafts = demo.sales.rows("quotes?$filter=statecode eq 0 and totalamount gt 0")
    assert len(drafts) > 5
    for draft in drafts:
        line = demo.sales.rows(f"quotedetails?$filter=_quoteid_value eq {draft['quoteid']}")[-1]
        for quantity in (line["quantity"] + 1, line["quantity"]):
            assert (
                demo.sales.patch(f"quotedetails({line['quotedetailid']})", {"quantity": quantity}).status_code
                == 204
            )
        again = demo.sales.rows(f"quotes?$filter=quoteid eq {draft['quoteid']}")[0]
        amounts = [name for name in draft if name.startswith("total") and not name.endswith("_base")]
        assert len(amounts) >= 6
        assert [again[name] for name in amounts] == [draft[name] for name in amounts]
        line_again = demo.sales.rows(f"quotedetails?$filter=quotedetailid eq {line['quotedetailid']}")[0]
        assert (line_again["baseamount"], line_again["extendedamount"]) == (
            line["baseamount"],
            line["extendedamount"],
        )


def test_finance_and_operations_has_its_roles_and_what_people_entered_there(demo):
    assert len(demo.finops.rows("DecisionMakingRoles?cross-company=true")) == 6
    (quotation,) = demo.finops.rows("CDSSalesQuotationHeaders?cross-company=true")
    assert (quotation["SalesQuotationNumber"], quotation["SalesQuotationStatus"]) == (
        "QUO-X-TAKEN",
        "Confirmed",
    )


def test_a_folder_is_served_and_its_notes_are_told(tmp_path, capsys):
    folder = small_folder(tmp_path)
    write(folder / "contacts.csv", [CONTACT])
    write(folder / "sales_orders.csv", [ORDER | {"subtotal": "1"}])
    write(folder / "sales_order_lines.csv", [LINE])

    kinds = Counter(kind for _, kind, _ in samples.records(Settings(home=tmp_path, data=folder)))

    assert (kinds["contacts"], kinds["quotes"], kinds["quotedetails"]) == (1, 1, 1)
    printed = capsys.readouterr().err
    assert printed.startswith(
        "sandbox: sales_orders.csv, line 2, column subtotal: 1 is not what Sales computes"
    )


def test_no_records_are_asked_for_and_none_come(tmp_path):
    assert list(samples.records(Settings(home=tmp_path, accounts=0, products=0))) == []
