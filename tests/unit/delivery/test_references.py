import json

from prospect_to_cash.delivery.references import new_id, resolve_body, resolve_key, wanted

BODY = '{"amount": 10.50, "note": "@{products:X}", "productid@odata.bind": "/products(@{products:[\\"usmf\\", \\"A}1\\"]})"}'
KEY = '["usmf", "A}1"]'


def test_only_bound_properties_are_references():
    assert wanted(BODY, "{}") == {("products", KEY)}


def test_a_reference_becomes_a_guid_and_the_rest_of_the_text_stays():
    text = resolve_body(BODY, {("products", KEY): "0001"})

    assert json.loads(text)["productid@odata.bind"] == "/products(0001)"
    assert '"amount": 10.50, "note": "@{products:X}"' in text


def test_a_natural_key_may_refer_to_a_record():
    key = json.dumps({"_productid_value": "@{products:" + KEY + "}", "_uomid_value": "0002"})

    assert wanted("{}", key) == {("products", KEY)}
    assert resolve_key(key, {("products", KEY): "0001"}) == {
        "_productid_value": "0001",
        "_uomid_value": "0002",
    }


def test_a_new_record_gets_the_same_id_for_the_same_key_whatever_the_order_of_its_parts():
    first = new_id("org", "products", {"a": "1", "b": "2"})

    assert first == new_id("org", "products", {"b": "2", "a": "1"})
    assert first != new_id("other", "products", {"a": "1", "b": "2"})
    assert first != new_id("org", "accounts", {"a": "1", "b": "2"})
