"""What messages call a record: its number, else its name with its key; never the name of a person."""

from tests.dbt.warehouse import guid


def named(warehouse, relation: str, key: str) -> tuple[str, str]:
    """(record, label) of a canonical record."""
    (row,) = warehouse.rows(
        f"select record, label from canonical.canonical_{relation} where source_key = %s", key
    )
    return row["record"], row["label"]


def violation(warehouse, flow: str, key: str) -> str:
    return warehouse.one(
        f"select distinct record from validation.violations_{flow} where source_key = %s", key
    )


def test_an_account_is_called_by_its_number_and_else_by_its_name_and_key(fresh_warehouse):
    numbered = fresh_warehouse.account(1, accountnumber="A-77", name="Contoso", creditlimit="12x")
    named_only = fresh_warehouse.account(2, accountnumber=None, name="Fabrikam", creditlimit="12x")
    nameless = fresh_warehouse.account(3, accountnumber=None, name=None)
    fresh_warehouse.build("accounts")

    assert named(fresh_warehouse, "accounts", numbered) == ("A-77", "account A-77 (Contoso)")
    assert named(fresh_warehouse, "accounts", named_only) == (
        f"Fabrikam ({named_only})", f"account Fabrikam ({named_only})",
    )  # fmt: skip
    assert named(fresh_warehouse, "accounts", nameless) == (nameless, f"account {nameless}")
    assert violation(fresh_warehouse, "accounts", numbered) == "A-77"
    assert violation(fresh_warehouse, "accounts", named_only) == f"Fabrikam ({named_only})"


def test_a_contact_without_a_number_is_called_by_its_account_and_never_by_its_name(fresh_warehouse):
    numbered = fresh_warehouse.account(1, accountnumber="A-77", name="Contoso")
    unnumbered = fresh_warehouse.account(2, accountnumber=None, name="Fabrikam")
    person = {"firstname": "Ann", "lastname": "Abel", "address1_country": "Narnia"}
    of_numbered = fresh_warehouse.contact(1, numbered, **person)
    of_unnumbered = fresh_warehouse.contact(2, unnumbered, **person)
    of_nobody = fresh_warehouse.contact(3, **person)
    fresh_warehouse.build("contacts")

    names = {
        of_numbered: f"contact of account A-77 ({of_numbered})",
        of_unnumbered: f"contact of account Fabrikam ({of_unnumbered})",
        of_nobody: f"contact ({of_nobody})",
    }
    for key, name in names.items():
        assert named(fresh_warehouse, "contacts", key) == (name, name)
        assert violation(fresh_warehouse, "contacts", key) == name


def test_products_and_quotes_are_called_by_their_number_and_a_quote_without_one_by_its_name(fresh_warehouse):
    fresh_warehouse.account(1)
    product = fresh_warehouse.product("P-1")
    fresh_warehouse.sales_product(1, "P-1")
    numbered = fresh_warehouse.quote(1, quotenumber="Q-1")
    unnumbered = fresh_warehouse.quote(2, quotenumber=None, name="Big deal")
    fresh_warehouse.build("quotes")
    named_only = f"Big deal ({guid('quote', 2)})"

    assert named(fresh_warehouse, "products", product) == ("P-1", "product P-1 (Product P-1)")
    assert named(fresh_warehouse, "quotes", numbered) == ("Q-1", "quote Q-1 (Quote 1)")
    assert named(fresh_warehouse, "quotes", unnumbered) == (named_only, f"quote {named_only}")
    assert violation(fresh_warehouse, "quotes", unnumbered) == named_only
