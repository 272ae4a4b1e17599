"""An installation's own vars, seeds, models and macros over the project, which stays as it was shipped."""

import csv
import json
import os
import time

import pytest
import yaml

from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.installation import project
from prospect_to_cash.installation.overrides import described
from tests.dbt.warehouse import DBT_PROJECT, Warehouse


@pytest.fixture
def overrides(tmp_path, monkeypatch):
    """An empty folder of overrides, and where assembled projects lie."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("P2C_OVERRIDES", str(folder))
    monkeypatch.setenv("P2C_DBT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("P2C_DBT_VARS", raising=False)
    return folder


def put(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def seed(name):
    (path,) = (project.dbt_project() / "seeds").rglob(f"{name}.csv")
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_without_overrides_the_shipped_project_is_used_and_nothing_copied(tmp_path, monkeypatch):
    monkeypatch.delenv("P2C_OVERRIDES", raising=False)
    monkeypatch.setenv("P2C_DBT_HOME", str(tmp_path / "home"))

    assert project.dbt_project() == DBT_PROJECT
    assert not (tmp_path / "home").exists()


def test_a_project_is_assembled_once_per_content(overrides, tmp_path):
    put(overrides, "vars.yml", "customer_group_id: '30'\n")
    first = project.dbt_project()

    assert project.dbt_project() == first
    model = put(overrides, "models/canonical/own_model.sql", "select 1 as one")
    second = project.dbt_project()
    assert second != first
    assert (second / "models/canonical/own_model.sql").read_text() == "select 1 as one"
    assert not (first / "models/canonical/own_model.sql").exists()
    model.unlink()
    assert project.dbt_project() == first
    assert sorted(p.name for p in (tmp_path / "home/projects").iterdir()) == sorted([first.name, second.name])


def test_a_project_that_nobody_looked_at_for_a_day_is_forgotten(overrides):
    first = project.dbt_project()
    os.utime(first, (0, time.time() - 100_000))

    put(overrides, "macros/own.sql", "{% macro own() %}{% endmacro %}")
    project.dbt_project()

    assert not first.exists()


def test_vars_come_over_the_preset_and_under_those_of_the_environment(overrides, monkeypatch):
    put(overrides, "vars.yml", "customer_group_id: '30'\nsite_id: '5'\n")
    monkeypatch.setenv("P2C_DBT_VARS", '{"site_id": "6"}')

    variables = project.installation_vars()

    assert (variables["customer_group_id"], variables["site_id"], variables["warehouse_id"]) == (
        "30",
        "6",
        "13",
    )


def test_rows_are_added_to_a_seed_or_take_the_place_of_those_with_the_same_key(overrides):
    ours = len(seed("country"))
    put(overrides, "seeds/country+.csv", "iso2,sales_text\nDE,allemagne\nFR,andorra\n")

    rows = {row["sales_text"]: row for row in seed("country")}

    assert len(seed("country")) == len(rows) == ours + 1
    assert rows["allemagne"] == {"sales_text": "allemagne", "iso2": "DE", "country_region_id": ""}
    assert rows["andorra"]["iso2"] == "FR"
    assert rows["ad"]["iso2"] == "AD"


def test_states_are_told_apart_by_country_and_text(overrides):
    put(overrides, "seeds/state+.csv", "iso2,sales_text,state_id\nAU,act,X1\nUS,act,X2\n")

    assert [(r["iso2"], r["state_id"]) for r in seed("state") if r["sales_text"] == "act"] == [
        ("AU", "X1"),
        ("US", "X2"),
    ]


def test_a_seed_and_a_model_of_the_same_name_replace_ours_in_its_place(overrides):
    put(overrides, "seeds/unit.csv", "unit_symbol,sales_unit,unit_group,decimals\nea,Box,,\n")
    put(overrides, "models/canonical_products.sql", "select 1 as one")
    put(overrides, "models/canonical_products.yaml", "version: 2\n")

    assembled = project.dbt_project()

    assert [row["sales_unit"] for row in seed("unit")] == ["Box"]
    assert (assembled / "models/canonical/canonical_products.sql").read_text() == "select 1 as one"
    assert (assembled / "models/canonical/canonical_products.yml").read_text() == "version: 2\n"
    assert len(list(assembled.rglob("canonical_products.*"))) == 2
    assert (assembled / "dbt_project.yml").read_bytes() == (DBT_PROJECT / "dbt_project.yml").read_bytes()


def test_the_log_says_what_is_replaced_added_and_brought(overrides):
    put(overrides, "vars.yml", "site_id: '5'\n")
    put(overrides, "seeds/country+.csv", "sales_text,iso2\nx,DE\n")
    put(overrides, "models/canonical_products.sql", "")
    put(overrides, "models/canonical/own.sql", "")

    assert described(DBT_PROJECT, overrides) == (
        f"{overrides}: replaces canonical_products.sql; adds rows to country; brings own.sql; sets site_id"
    )


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("vars.yml", "- a\n", "P2C_OVERRIDES: vars.yml is not a mapping of dbt vars"),
        ("vars.yml", "a: [\n", "P2C_OVERRIDES: vars.yml is not YAML"),
        ("vars.yml", "custmer_group_id: '1'\n", "vars.yml sets var 'custmer_group_id', which nothing reads"),
        ("dbt_project.yml", "", "P2C_OVERRIDES: dbt_project.yml is not an override"),
        ("model/x.sql", "", "P2C_OVERRIDES: model/x.sql is not an override"),
        (
            "models/x.py",
            "",
            "P2C_OVERRIDES: models/x.py is not an override: models takes files that end with",
        ),
        ("seeds/contry+.csv", "sales_text\n", "adds rows to seed contry, which does not exist"),
        (
            "seeds/country+.csv",
            "sales_text,iso3\nx,DEU\n",
            "has column 'iso3', which seed country does not have",
        ),
        ("seeds/country+.csv", "iso2\nDE\n", "needs column sales_text"),
        ("seeds/country+.csv", "sales_text,iso2\nx,DE,1\n", "more values than columns"),
        ("seeds/country+.csv", "", "is empty: its first line names the columns"),
        ("models/canonical/country.sql", "", "has the name of seeds/country.csv"),
        ("seeds/canonical_accounts.csv", "a\n", "has the name of models/canonical_accounts.sql"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_file(overrides, name, text, sentence):
    put(overrides, name, text)

    with pytest.raises(Misconfigured) as error:
        project.installation_vars()

    assert sentence in str(error.value)
    assert str(error.value).endswith(".")


def test_two_files_of_one_name_are_refused(overrides):
    put(overrides, "seeds/a/country+.csv", "sales_text,iso2\n")
    put(overrides, "seeds/b/country.csv", "sales_text,iso2\n")

    with pytest.raises(Misconfigured, match="have the same name; keep one of them"):
        project.dbt_project()


def test_a_folder_that_there_is_not_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("P2C_OVERRIDES", str(tmp_path / "nowhere"))

    with pytest.raises(Misconfigured, match="nowhere, which is not a folder"):
        project.dbt_project()


def test_a_var_of_the_environment_that_nothing_reads_is_refused(monkeypatch):
    monkeypatch.setenv("P2C_DBT_VARS", '{"sight_id": "5"}')

    with pytest.raises(Misconfigured, match="P2C_DBT_VARS sets var 'sight_id', which nothing reads"):
        project.installation_vars()


def test_a_var_of_an_own_model_may_be_set(overrides):
    put(overrides, "models/canonical/own.sql", "select '{{ var(\"own_var\") }}' as one")
    put(overrides, "vars.yml", "own_var: x\n")

    assert project.installation_vars()["own_var"] == "x"


def test_an_own_model_and_own_rows_are_built_in_place_of_ours(overrides, fresh_warehouse, tmp_path):
    """One model of ours replaced, one row added to a map; everything else stays ours."""
    ours = (DBT_PROJECT / "models/canonical/canonical_accounts.sql").read_text(encoding="utf-8")
    assert ours.count("    placed.memo,\n") == 1
    mine = ours.replace("    placed.memo,\n", "    upper(placed.memo) as memo,\n")
    put(overrides, "models/canonical_accounts.sql", mine)
    put(overrides, "seeds/country+.csv", "sales_text,iso2\nruritania,DE\n")
    fresh_warehouse.account(
        1, description="call first", address1_country="Ruritania", address1_stateorprovince=None
    )
    assembled = Warehouse(fresh_warehouse.url, tmp_path / "dbt", project.dbt_project())
    try:
        with assembled:
            assembled.seed()
            assembled.build("accounts")
            (sent,) = assembled.rows("select body, record from outbound.outbound_finops__accounts")
    finally:
        fresh_warehouse.seed()

    assert sent["body"]["SalesMemo"] == "CALL FIRST"
    assert sent["body"]["block:address"]["AddressCountryRegionISOCode"] == "DE"


def test_a_contract_that_an_own_model_does_not_keep_stops_the_build_with_its_name(
    overrides, fresh_warehouse, tmp_path
):
    put(overrides, "models/canonical_accounts.sql", "select 'a' as source_key")
    with Warehouse(fresh_warehouse.url, tmp_path / "dbt", project.dbt_project()) as assembled:
        answer = assembled.build("accounts", expect=False)

    assert "canonical_accounts" in json.dumps(assembled.failures(answer))


def test_the_worked_example_of_the_docs_is_taken(overrides):
    """docs/own_fields_and_overrides.md shows vars.yml with own fields."""
    text = (DBT_PROJECT.parent / "docs/own_fields_and_overrides.md").read_text(encoding="utf-8")
    shown = text.split("```yaml\n")[1].split("```")[0]
    put(overrides, "vars.yml", shown)

    own_fields = project.installation_vars()["own_fields"]

    assert own_fields == yaml.safe_load(shown)["own_fields"]
    assert own_fields["accounts"][0]["target"] == "CustClassificationId"
