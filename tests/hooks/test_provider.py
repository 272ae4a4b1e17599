"""How Airflow reads the provider's description."""

import importlib
import json

import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk.definitions.param import Param

from prospect_to_cash.provider import get_provider_info

TYPES = {kind["connection-type"]: kind for kind in get_provider_info()["connection-types"]}


def test_both_connection_types_are_described():
    assert sorted(TYPES) == ["d365_finops", "d365_sales"]
    assert "companies" in TYPES["d365_finops"]["conn-fields"]
    assert "companies" not in TYPES["d365_sales"]["conn-fields"]


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_a_connection_type_names_a_hook_that_knows_it(kind):
    module, _, name = kind["hook-class-name"].rpartition(".")
    hook = getattr(importlib.import_module(module), name)
    assert (hook.conn_type, hook.hook_name, hook.conn_name_attr) == (
        kind["connection-type"],
        kind["hook-name"],
        "conn_id",
    )


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_every_field_of_a_form_is_a_schema_and_may_be_left_as_it_is(kind):
    for field in kind["conn-fields"].values():
        jsonschema.Draft202012Validator.check_schema(field["schema"])
        Param(**{"default": None, **field["schema"]}).resolve()
        assert field["label"]
        assert field["description"].endswith(".")


def test_airflow_accepts_the_description():
    schema = json.loads((importlib.resources.files("airflow") / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_the_installed_package_shows_its_forms():
    manager = ProvidersManager()
    if "prospect-to-cash" not in manager.providers:
        pytest.skip("the package is not installed, so Airflow cannot find its entry point")
    shown = {item.connection_type: item for item in manager.iter_connection_type_hook_ui_metadata()}
    for name in TYPES:
        assert shown[name].hook_name == TYPES[name]["hook-name"]
        assert "Client secret" in shown[name].field_behaviour["relabeling"].values()
