from prospect_to_cash.report.details import fill
from prospect_to_cash.report.outcomes import masked


def test_a_sentence_is_counted_without_the_values_it_quotes():
    first = masked(
        "Cannot create a record in Customers (CustTable). Customer account: A-1, .... The record already exists."
    )
    second = masked(
        "Cannot create a record in Customers (CustTable). Customer account: B-2, .... The record already exists."
    )

    assert first == second
    assert "A-1" not in first
    assert (
        masked("The value 'Jo' in field 'Name' is too long") == "The value '...' in field '...' is too long"
    )


def test_the_text_of_a_value_never_becomes_a_placeholder():
    assert fill("{record} has {value}", {"record": "{value}", "value": "7"}) == "{value} has 7"
