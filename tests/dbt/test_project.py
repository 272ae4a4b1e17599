"""The project itself: which layer reads which, the rule catalogue, the envelope, and its own unit tests."""

import csv
import json
import re
from collections import defaultdict

import pytest
import yaml

from d365_sandbox.schemas import read_finops, read_sales
from prospect_to_cash.flow_card import source_columns
from prospect_to_cash.installation.new_project import preset_vars, presets
from prospect_to_cash.installation.project import declared_vars, extendable_seeds
from tests.dbt.warehouse import DBT_PROJECT, ROOT

LAYERS = {
    "staging": {"source"},
    "canonical": {"staging", "seeds", "canonical"},
    "validation": {"canonical", "validation", "staging", "seeds", "source"},
    "outbound": {"canonical", "validation", "outbound"},
}
CARDS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in (ROOT / "dags" / "flows").glob("*.yaml")
}
RULES = list(csv.DictReader((DBT_PROJECT / "seeds" / "rules.csv").open(encoding="utf-8")))


@pytest.fixture(scope="module")
def manifest(session_warehouse):
    return session_warehouse.parsed().to_dict()


@pytest.fixture(scope="module")
def models(manifest):
    found = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    assert len(found) > 20
    return found


def words() -> set[str]:
    """What looks like a rule in SQL and is none: fields of both systems, and vars."""
    found = set(yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"])
    for system in ("sales", "finops"):
        for fields in source_columns(DBT_PROJECT, system).values():
            found |= set(fields)
    return found


@pytest.fixture(scope="module")
def compiled(session_warehouse):
    """{model: its SQL}, with its macros, and every part that a var switches on."""
    everything = {
        "send_county": True, "send_party_number": True, "account_deactivation": "on_hold", "quote_close": "delete",
        "contact_customer_deactivation": "on_hold", "contact_site_id": "1", "contact_warehouse_id": "1",
    }  # fmt: skip
    answer = session_warehouse.compile(**everything)
    return {one.node.name: one.node.compiled_code for one in answer.result.results}


def emitted(compiled: dict[str, str], flow: str) -> set[str]:
    """Rules that the validation models of a flow can put into a row, and reasons for which a canonical model locks a record."""
    models = (DBT_PROJECT / "models" / "validation" / flow).glob("*.sql")
    text = "\n".join(compiled[path.stem] for path in models)
    catalogue = {row["rule"] for row in RULES}
    named = {word for word in re.findall(r"'([a-z]+(?:_[a-z]+)+)'", text) if word in catalogue}
    branches = set(
        re.findall(
            r"(?:then|else|select)\s*'([a-z]+_[a-z_]+)'(?:,| as broken_rule|\s+when|\s+else|\s+end)", text
        )
    )
    for case in re.findall(
        r"\bcase\b((?:(?!\bcase\b).)*?)\bend as locked\b", compiled[f"canonical_{flow}"], re.S
    ):
        branches |= set(re.findall(r"(?:then|else) '([a-z_]+)'", case))
    return named | (branches - words())


def test_a_layer_reads_only_what_it_may(manifest, models):
    for model in models:
        layer = model["schema"]
        for name in model["depends_on"]["nodes"]:
            kind = name.split(".")[0]
            read = {"source": "source", "seed": "seeds"}.get(kind) or manifest["nodes"][name]["schema"]
            assert read in LAYERS[layer], f"{model['name']} ({layer}) reads {name}"


def test_validation_reads_no_raw_table_but_the_quarantine(models):
    sources = {
        name for model in models if model["schema"] == "validation"
        for name in model["depends_on"]["nodes"] if name.startswith("source.")
    }  # fmt: skip
    assert sources == {"source.prospect_to_cash.landing.quarantine"}


def test_every_rule_that_is_emitted_is_in_the_catalogue_and_the_reverse(compiled):
    assert {row["flow"] for row in RULES} == {*CARDS, "*"}
    for flow in CARDS:
        assert emitted(compiled, flow) == {row["rule"] for row in RULES if row["flow"] == flow}


def test_the_rules_that_only_the_plan_can_see_are_in_the_catalogue_for_every_flow():
    plan = (ROOT / "plugins/prospect_to_cash/plan/plan_statements.py").read_text(encoding="utf-8")

    assert {row["rule"] for row in RULES if row["flow"] == "*"} == set(re.findall(r"then '(key_\w+)'", plan))


def test_every_rule_says_what_is_wrong_and_what_to_do_and_where_it_comes_from():
    for row in RULES:
        assert row["effect"] in ("block", "exclude", "warn")
        assert row["sentence"].endswith(".")
        assert row["remedy"].endswith(".")
        assert row["source"]
        assert set(re.findall(r"{(.*?)}", row["sentence"] + row["remedy"])) <= {"record", "field", "value"}


def test_every_outbound_model_has_the_same_envelope(models):
    envelopes = {
        json.dumps([(name, column["data_type"]) for name, column in model["columns"].items()])
        for model in models
        if model["schema"] == "outbound"
    }

    assert len(envelopes) == 1
    assert [name for name, _ in json.loads(envelopes.pop())] == [
        "source_key", "record", "company", "target_key", "body", "body_hash", "requires", "document",
        "ordinal", "operation", "if_match", "locked",
    ]  # fmt: skip


def test_every_write_of_a_card_has_its_outbound_model_with_the_flows_tag(manifest):
    for flow, card in CARDS.items():
        for write in card["writes"]:
            name = f"model.prospect_to_cash.outbound_{write['system']}__{write['name']}"
            assert flow in manifest["nodes"][name]["tags"]


def test_every_write_of_a_card_is_an_exposure_of_its_outbound_model_and_the_reverse(manifest):
    names = {"sales": "Sales", "finops": "Finance and Operations"}
    writes = {
        write["name"]: (
            {"flow": flow, "system": write["system"], "entity_set": write["entity"]},
            [f"model.prospect_to_cash.outbound_{write['system']}__{write['name']}"],
            [flow],
        )
        for flow, card in CARDS.items()
        for write in card["writes"]
    }
    exposures = {exposure["name"]: exposure for exposure in manifest["exposures"].values()}

    assert writes == {
        name: (exposure["meta"], exposure["depends_on"]["nodes"], exposure["tags"])
        for name, exposure in exposures.items()
    }
    for exposure in exposures.values():
        meta = exposure["meta"]
        assert f"entity set {meta['entity_set']} of {names[meta['system']]}." in exposure["description"]
        assert (exposure["type"], exposure["owner"]["name"]) == ("application", f"Flow {meta['flow']}")


def test_a_description_that_several_models_have_is_said_once(models):
    texts = defaultdict(set)
    for model in models:
        path = ROOT / "dbt_project" / model["original_file_path"]
        (described,) = yaml.safe_load(path.with_suffix(".yml").read_text(encoding="utf-8"))["models"]
        for column in described.get("columns", []):
            texts[column.get("description", "").strip()].add(model["name"])

    assert {
        text: found for text, found in texts.items() if len(found) > 1 and text and "{{ doc(" not in text
    } == {}


def test_every_model_has_a_tag_a_description_and_one_yml_beside_it(models):
    for model in models:
        assert model["tags"], model["name"]
        assert model["description"], model["name"]
        assert model["patch_path"].endswith(f"/{model['name']}.yml")


def test_staging_reads_exactly_the_columns_that_its_source_lists(manifest, models):
    sources = {
        source["name"]: source
        for source in manifest["sources"].values()
        if source["source_name"] not in ("landing", "sync")
    }
    reads = {(read["system"], read["entity"]): read for card in CARDS.values() for read in card["reads"]}
    assert len(sources) == len(reads)
    keys = {read["key"][0] for (system, _), read in reads.items() if system == "sales"}
    for source in sources.values():
        (model,) = [
            m for m in models if m["schema"] == "staging" and source["unique_id"] in m["depends_on"]["nodes"]
        ]
        record = re.search(r"json_to_record\(.*?\) as r \((.*?)\n {8}\)", model["raw_code"], re.S)[1]
        parsed = {name.strip('"') for name in re.findall(r'^\s*("?[@\w.]+"?) text', record, re.M)} - {
            "@odata.etag"
        }
        assert parsed == set(source["columns"]) - keys, model["name"]


def fields_of(system: str, entity: str) -> set[str]:
    """Fields of an entity as published; a lookup is read as `_x_value`."""
    entities = read_sales() if system == "sales" else read_finops()
    (fields,) = [found.fields for found in entities if entity in (found.set_name, found.type_name)]
    return set(fields)


SALES_ENTITIES = {
    "accounts": "account",
    "contacts": "contact",
    "salesorders": "salesorder",
    "invoices": "invoice",
    "products": "product",
    "productpricelevels": "productpricelevel",
    "pricelevels": "pricelevel",
    "uoms": "uom",
    "uomschedules": "uomschedule",
    "transactioncurrencies": "transactioncurrency",
}
FINOPS_ENTITIES = {
    "customers_v3": "CustomersV3",
    "cds_contact_persons": "CDSContactPersons",
    "contact_persons": "ContactPersons",
    "decision_making_roles": "DecisionMakingRoles",
    "customer_groups": "CustomerGroups",
    "currencies": "Currencies",
    "legal_entities": "LegalEntities",
    "units_of_measure": "UnitsOfMeasure",
    "sellable_released_products": "SellableReleasedProducts",
    "cds_released_distinct_products": "CDSReleasedDistinctProducts",
    "released_products_v2": "ReleasedProductsV2",
}


@pytest.mark.parametrize(("system", "entities"), [("sales", SALES_ENTITIES), ("finops", FINOPS_ENTITIES)])
def test_every_field_that_is_asked_for_is_in_the_published_schema(manifest, system, entities):
    for name, entity in entities.items():
        asked = manifest["sources"][f"source.prospect_to_cash.{system}.{name}"]["columns"]
        assert set(asked) <= fields_of(system, entity), name


@pytest.mark.parametrize(
    ("relation", "system", "entity", "least"),
    [
        ("outbound_finops__accounts", "finops", "CustomersV3", 25),
        ("outbound_finops__contact_persons", "finops", "CDSContactPersons", 25),
        ("outbound_finops__contact_customers", "finops", "CustomersV3", 22),
        ("outbound_sales__account_numbers", "sales", "account", 1),
        ("outbound_sales__products", "sales", "product", 11),
        ("outbound_sales__product_prices", "sales", "productpricelevel", 5),
        ("outbound_sales__product_price_lists", "sales", "product", 1),
        ("outbound_sales__product_states", "sales", "product", 2),
    ],
)
def test_every_field_that_is_sent_is_in_the_published_schema(compiled, relation, system, entity, least):
    text = compiled[relation]
    (body,) = re.findall(r"\n {8}(?:jsonb_build_object\(|case).*?as body\n", text, re.S)
    named = re.findall(r"(?:jsonb_build_object\(|,)\s*'([A-Za-z0-9@._]+)',(?! *'\'')", body)
    sent = {re.sub(r"^(\w+)@odata.bind$", r"_\1_value", name) for name in named}

    assert len(sent) >= least
    assert sent <= fields_of(system, entity)


def test_the_language_that_is_set_is_one_of_the_languages():
    languages = {
        row["language_id"] for row in csv.DictReader((DBT_PROJECT / "seeds/code_maps/language.csv").open())
    }
    for preset in ("templates_2017", "templates_direct"):
        assert preset_vars(preset)["language_id"] in languages


def test_a_preset_sets_only_vars_that_the_project_has():
    declared = declared_vars(DBT_PROJECT)
    for preset in presets():
        assert set(preset_vars(preset)) <= set(declared)


def sql_files() -> dict[str, str]:
    folders = ("models", "macros", "tests")
    return {
        str(path.relative_to(DBT_PROJECT)): path.read_text(encoding="utf-8")
        for folder in folders
        for path in (DBT_PROJECT / folder).rglob("*.sql")
    }


def test_every_var_that_is_read_is_declared_and_the_reverse():
    """Vars are checked by their declarations alone, so none may be read without one."""
    read = {name for text in sql_files().values() for name in re.findall(r"""\bvar\(\s*['"](\w+)""", text)}
    choices = {
        name for text in sql_files().values() for name in re.findall(r"""\bchoice\(\s*['"](\w+)""", text)
    }
    firsts = {
        name
        for text in sql_files().values()
        for name in re.findall(r"""company_or_first\(\s*['"](\w+)""", text)
    }
    named = {f"{system}_env_id" for system in ("sales", "finops")}
    yml = {
        name
        for path in DBT_PROJECT.rglob("*.yml")
        for name in re.findall(r"""\bvar\(\s*['"](\w+)""", path.read_text(encoding="utf-8"))
    }

    assert read | choices | firsts | named | yml == set(declared_vars(DBT_PROJECT))


def test_the_sources_say_which_vars_name_fields_of_them(manifest):
    """Extract reads the fields that staging makes columns of: macro own_columns there, meta of the source here."""
    declared, used = {}, {}
    for source in manifest["sources"].values():
        meta = source["config"]["meta"]
        if "own_fields" in meta:
            declared[meta["own_fields"]] = meta.get("fields_of_vars", [])
    for text in sql_files().values():
        for entity, also in re.findall(r"""\{- own_columns\("(\w+)"(.*?)\) \}""", text):
            used[entity] = re.findall(r"""var\("(\w+)"\)""", also)

    assert declared == used
    assert len(used) == 5


def test_rows_can_be_added_to_the_seeds_whose_yml_has_their_key(manifest):
    declared = {
        node["name"]: node["config"]["meta"]["key"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "seed" and "key" in node["config"]["meta"]
    }
    used = {}
    for text in sql_files().values():
        for seed, keys in re.findall(r"""(?:seed_rows|map_rows)\('(\w+)', \[(.*?)\]""", text):
            used[seed] = re.findall(r"'(\w+)'", keys)

    assert declared == used
    assert sorted(declared) == extendable_seeds(DBT_PROJECT)


def test_the_unit_tests_beside_the_models_pass(warehouse):
    for flow in CARDS:
        warehouse.build(flow)

    answer = warehouse.unit_tests()

    assert len(answer.result.results) > 20


OTHER_SETTINGS = {
    "account_filter": "customers_only", "company_from": "business_unit", "fixed_company": "xx", "company_map": {"x": "xx"},
    "default_currency": "SEK", "send_party_number": True, "customer_group_id": "x", "site_id": "x", "warehouse_id": "x",
    "language_id": "de", "country_when_blank": "SE", "country_for_blank_address": False, "send_county": True,
    "address_description": "x", "delivery_address_description": "x", "address_role": "x", "account_deactivation": "on_hold",
    "invoice_account_from": "parent_account", "send_primary_contact": False, "contact_site_id": "x",
    "contact_warehouse_id": "x", "send_decision_role": False, "contact_customer_deactivation": "on_hold",
    "product_master_company": "xx", "price_list_pin": "x", "price_item_old": "delete", "unit_group": "x",
    "product_activation": False, "product_retire_after_reads": 9, "line_discount": "line_item",
    "quote_date_when_blank": "2031-01-01", "quote_country_when_blank": "SE", "sales_time_zone": "Asia/Tokyo",
    "read_user_settings": False,
    "quote_blank_ship_to": "hold", "quote_address_description": "x", "quote_site_id": "x", "quote_warehouse_id": "x",
    "quote_won_counts": False, "quote_close": "delete", "quote_sent": "write", "send_sales_price": False,
    "quote_total_check": "off", "contact_number_column": "new_no", "company_column": "new_co",
    "contact_company_column": "new_co", "companies": ["xx"],
    "own_fields": {
        "accounts": [{"source": "new_x", "target": "X"}], "contacts": [{"source": "new_x", "target": "X"}],
        "quotes": [{"source": "new_x", "target": "X"}], "quotedetails": [{"source": "new_x", "target": "X"}],
        "SellableReleasedProducts": [{"source": "NewX", "target": "new_x"}],
    },
}  # fmt: skip


@pytest.mark.slow
def test_the_unit_tests_pass_whatever_an_installation_sets(warehouse):
    """A build by hand runs them with the vars of the installation, and stops below one that fails."""
    for flow in CARDS:
        warehouse.build(flow)

    warehouse.unit_tests(**OTHER_SETTINGS)
