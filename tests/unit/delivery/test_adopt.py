import json
from decimal import Decimal

from prospect_to_cash.delivery.adopt import difference, properties


def test_an_equal_record_has_no_difference_whatever_the_spelling_of_empty_numbers_and_guids():
    body = '{"name": "A", "price": 10.50, "fax": null, "uomid@odata.bind": "/uoms(AB-1)"}'
    found = {"name": "A", "price": Decimal("10.5"), "fax": "", "_uomid_value": "ab-1"}

    assert difference(body, found) is None


def test_only_what_differs_is_sent_with_the_digits_it_was_written_with():
    body = '{"name": "A", "price": 10.50, "active": true, "uomid@odata.bind": "/uoms(ab-2)"}'
    found = {"name": "A", "price": Decimal("9"), "active": 1, "_uomid_value": "ab-1"}

    assert difference(body, found) == '{"price": 10.50, "active": true, "uomid@odata.bind": "/uoms(ab-2)"}'


def test_lookups_are_read_under_their_own_name():
    assert properties([json.dumps({"name": 1, "uomid@odata.bind": "x"})], ["id"]) == (
        "_uomid_value",
        "id",
        "name",
    )
