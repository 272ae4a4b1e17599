import json

import pytest

from prospect_to_cash.load.references import body_text, key_text, new_id, resolve_key, wanted
from prospect_to_cash.plan.identities import Reference

BODY = '{"amount": 10.50, "note": "@{products:X}", "productid@odata.bind": "/products(@{products:[\\"usmf\\", \\"A}1\\"]})"}'
PRODUCT = Reference("products", None, '["usmf", "A}1"]', False)
PARTY = Reference("CustomersV3", "PartyNumber", "a-1", False)
OWN_PARTY = Reference("People", "PartyNumber", "c-1/*", True)
PERSON_KEY = json.dumps(
    {
        "dataAreaId": "usmf",
        "PartyNumber": "@?{People.PartyNumber:c-1/*}",
        "AssociatedPartyNumber": "@{CustomersV3.PartyNumber:a-1}",
    }
)


def test_only_bound_properties_are_references():
    assert wanted(BODY, "{}") == {PRODUCT}


def test_a_reference_becomes_a_guid_and_the_rest_of_the_text_and_its_digits_stay():
    text = body_text(BODY, {PRODUCT: "0001"}, creating=True, key=None)

    assert json.loads(text)["productid@odata.bind"] == "/products(0001)"
    assert '"amount": 10.50, "note": "@{products:X}"' in text


def test_a_natural_key_may_refer_to_a_record():
    key = json.dumps({"_productid_value": "@{products:" + PRODUCT.key + "}", "_uomid_value": "0002"})

    assert wanted("{}", key) == {PRODUCT}
    assert resolve_key(key, {PRODUCT: "0001"}) == {"_productid_value": "0001", "_uomid_value": "0002"}


def test_a_key_may_hold_what_the_target_answered_about_another_record():
    assert wanted("{}", PERSON_KEY) == {PARTY, OWN_PARTY}
    assert resolve_key(PERSON_KEY, {PARTY: "000123", OWN_PARTY: "000777"}) == {
        "dataAreaId": "usmf",
        "PartyNumber": "000777",
        "AssociatedPartyNumber": "000123",
    }


def test_a_key_part_that_the_target_is_still_to_assign_is_left_out():
    assert resolve_key(PERSON_KEY, {PARTY: "000123"}) == {
        "dataAreaId": "usmf",
        "AssociatedPartyNumber": "000123",
    }


def test_a_required_part_of_a_key_is_never_left_out():
    with pytest.raises(KeyError):
        resolve_key(PERSON_KEY, {OWN_PARTY: "000777"})


def test_what_the_target_answered_about_the_record_itself_is_its_key_whatever_references_say():
    own = {"PartyNumber": "000555", "AssociatedPartyNumber": "000999"}

    assert wanted("{}", PERSON_KEY, own) == set()
    assert resolve_key(PERSON_KEY, {PARTY: "000123"}, own) == {
        "dataAreaId": "usmf",
        "PartyNumber": "000555",
        "AssociatedPartyNumber": "000999",
    }


def test_numbers_in_a_key_stay_numbers():
    text = '{"QuotationNumber": "Q-1", "LineNumber": 3}'
    key = resolve_key(text, {})

    assert key == {"QuotationNumber": "Q-1", "LineNumber": 3}
    assert json.loads(body_text('{"Price": 1.0}', {}, True, key_text(text, key)))["LineNumber"] == 3


def test_the_text_of_a_key_has_its_references_replaced():
    key = resolve_key(PERSON_KEY, {PARTY: "000123", OWN_PARTY: "000777"})

    assert json.loads(key_text(PERSON_KEY, key)) == key


def test_a_create_only_property_goes_with_a_create_and_never_with_an_update():
    changes = '{"Name": "A", "ref:PartyNumber": "@?{People.PartyNumber:c-1/*}", "Limit": 1.50}'

    assert body_text(changes, {OWN_PARTY: "000777"}, True, None) == (
        '{"Name": "A", "PartyNumber": "000777", "Limit": 1.50}'
    )
    assert body_text(changes, {}, True, None) == '{"Name": "A", "Limit": 1.50}'
    assert body_text(changes, {OWN_PARTY: "000777"}, False, None) == '{"Name": "A", "Limit": 1.50}'


def test_a_users_text_that_looks_like_a_reference_is_sent_as_it_is():
    changes = '{"Name": "@{products:X}"}'

    assert body_text(changes, {}, True, '{"Id": "1"}') == '{"Id": "1", "Name": "@{products:X}"}'


def test_a_new_record_gets_the_same_id_for_the_same_key_whatever_the_order_of_its_parts():
    first = new_id("org", "products", {"a": "1", "b": "2"})

    assert first == new_id("org", "products", {"b": "2", "a": "1"})
    assert first != new_id("other", "products", {"a": "1", "b": "2"})
    assert first != new_id("org", "accounts", {"a": "1", "b": "2"})
