"""An installation's own dbt project is the root and takes ours as its package."""

import json
import re
import shutil

import pytest
import yaml

from prospect_to_cash import cli
from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.installation import project
from prospect_to_cash.transform.builds import mapping_version
from prospect_to_cash.transform.dbt_run import described
from tests.dbt.warehouse import DBT_PROJECT, Warehouse

DOCS = (DBT_PROJECT.parent / "docs" / "installation.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    for name in ("P2C_DBT_PROJECT", "P2C_DBT_VARS", "P2C_PRESET", "P2C_OVERRIDES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def package(tmp_path):
    """A copy of our project that a test may upgrade."""
    copy = tmp_path / "package"
    shutil.copytree(DBT_PROJECT, copy, ignore=shutil.ignore_patterns("target", "logs"))
    return copy


@pytest.fixture
def installation(tmp_path, monkeypatch, package):
    """The project that `p2c init` makes."""
    folder = tmp_path / "installation"
    assert cli.main(["init", str(folder), "--preset", "templates_direct", "--package", str(package)]) == 0
    monkeypatch.setenv("P2C_DBT_PROJECT", str(folder))
    return folder


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A project without dbt's help: own vars, and our project as its installed package."""
    folder = tmp_path / "bare"
    (folder / "dbt_packages").mkdir(parents=True)
    (folder / "dbt_packages" / "prospect_to_cash").symlink_to(DBT_PROJECT)
    monkeypatch.setenv("P2C_DBT_PROJECT", str(folder))

    def write(**variables):
        text = json.dumps({"name": "contoso", "vars": variables})
        (folder / "dbt_project.yml").write_text(text, encoding="utf-8")
        return folder

    write()
    return write


def put(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def replace(path, before, after):
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, before
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_without_an_own_project_the_shipped_one_is_the_root_with_the_vars_of_2017():
    assert project.dbt_projects() == (DBT_PROJECT,)
    assert project.installation_vars()["country_when_blank"] == "US"


def test_the_package_of_an_own_project_is_found_and_its_defaults_count_least(bare, monkeypatch):
    folder = bare(
        customer_group_id="30", site_id="5", prospect_to_cash={"site_id": "7"}, contoso={"own_var": 1}
    )
    monkeypatch.setenv("P2C_DBT_VARS", '{"warehouse_id": "9", "own_var": 2}')

    variables = project.installation_vars()

    assert project.dbt_projects() == (folder, folder / "dbt_packages" / "prospect_to_cash")
    names = ("customer_group_id", "site_id", "warehouse_id", "language_id")
    assert [variables[name] for name in names] == ["30", "7", "9", "en-us"]
    assert project.run_vars({"sales": "s", "finops": "f"}, ["usmf"]) == {
        "sales_env_id": "s", "finops_env_id": "f", "companies": ["usmf"], "warehouse_id": "9", "own_var": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "way"), [("P2C_PRESET", "p2c init --preset"), ("P2C_OVERRIDES", "move vars.yml into")]
)
def test_a_setting_of_an_earlier_version_is_refused_with_the_way_over(monkeypatch, name, way):
    monkeypatch.setenv(name, "templates_direct")

    with pytest.raises(
        Misconfigured, match=f"{name} is set, which this version does not know.*p2c init FOLDER.*{way}"
    ):
        project.dbt_projects()


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"custmer_group_id": "1"}, "sets var 'custmer_group_id', which nothing reads; did you mean 'customer_group_id'?"),
        ({"dealers": "1"}, "which nothing reads; dbt_project.yml of the package lists the vars. Vars of your own models stand "
            "under `contoso:`."),
        ({"prospect_to_cash": {"sight": "1"}}, "sets var 'sight', which nothing reads"),
        ({"prospect_to_cash": "x"}, "`prospect_to_cash` under vars is not a mapping"),
        ({"address_description": "{{ env_var('P2C_DB_PASSWORD') }}"}, "to a text with {{, which dbt would run as a template"),
        ({"prospect_to_cash": {"site_id": "{% do x %}"}}, "sets var 'site_id' to a text with {%"),
        ({"own_rows": {"contry": "x"}}, "own_rows names seed 'contry'; rows can be added to company_map, country"),
        ({"contoso": {"own_var": "{# x #}"}}, "sets var 'own_var' to a text with {#"),
        ({"own_rows": ["country"]}, "own_rows must map a seed to a seed of yours"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_vars_is_one_sentence(bare, variables, sentence):
    folder = bare(**variables)

    with pytest.raises(Misconfigured) as error:
        project.installation_vars()

    assert str(error.value).startswith(str(folder / "dbt_project.yml"))
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '{"sight_id": "5"}',
            "P2C_DBT_VARS sets var 'sight_id', which nothing reads; did you mean 'site_id'",
        ),
        ('{"site_id": "{{ 1 }}"}', "P2C_DBT_VARS sets var 'site_id' to a text with {{"),
        ("[]", "P2C_DBT_VARS is not a JSON object"),
        ("{", "P2C_DBT_VARS is not a JSON object"),
    ],
)
def test_a_mistake_in_the_variable_of_vars_is_one_sentence(monkeypatch, text, sentence):
    monkeypatch.setenv("P2C_DBT_VARS", text)

    with pytest.raises(Misconfigured, match=sentence.replace("{{", r"\{\{")):
        project.installation_vars()


def test_a_project_that_cannot_be_used_is_named_with_the_remedy(tmp_path, monkeypatch, bare):
    folder = bare()
    (folder / "dbt_packages" / "prospect_to_cash").unlink()
    with pytest.raises(
        Misconfigured, match=rf"{folder} has no package prospect_to_cash: install it with `dbt deps"
    ):
        project.dbt_projects()
    put(folder, "dbt_project.yml", "a: [")
    with pytest.raises(Misconfigured, match=r"dbt_project.yml is not YAML"):
        project.dbt_projects()
    monkeypatch.setenv("P2C_DBT_PROJECT", str(tmp_path / "nowhere"))
    with pytest.raises(
        Misconfigured,
        match=r"nowhere is no dbt project: it has no dbt_project.yml. Name the folder of one in P2C_DBT",
    ):
        project.dbt_projects()


def test_the_mapping_is_another_when_a_file_of_either_project_is(bare, package):
    folder = bare()
    (folder / "dbt_packages" / "prospect_to_cash").unlink()
    (folder / "dbt_packages" / "prospect_to_cash").symlink_to(package)
    versions = {mapping_version(project.dbt_projects(), {})}
    put(folder, "macros/own.sql", "{% macro own() %}{% endmacro %}")
    versions.add(mapping_version(project.dbt_projects(), {}))
    put(package, "macros/new.sql", "{% macro new() %}{% endmacro %}")
    versions.add(mapping_version(project.dbt_projects(), {}))
    bare(site_id="5")
    versions.add(mapping_version(project.dbt_projects(), {}))

    assert len(versions) == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["full"], "full exists and is not empty: name a new folder."),
        (
            ["new", "--preset", "template_2017"],
            "There is no preset 'template_2017': choose sample or templates_2017 or",
        ),
        (["new", "--name", "My Project"], "'My Project' cannot be the name of your project"),
        (["new", "--package", "full"], "is no dbt project: it has no dbt_project.yml"),
    ],
)
def test_p2c_init_says_in_a_sentence_why_it_cannot(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "full/a.txt", "")

    assert cli.main(["init", *arguments]) == 1

    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_p2c_init_asks_for_our_project_when_it_does_not_know_where_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("P2C_DBT_PROJECT", str(tmp_path / "nowhere"))

    assert cli.main(["init", str(tmp_path / "new")]) == 1

    assert "Or name the folder of our dbt project with --package." in capsys.readouterr().err


def test_p2c_init_writes_the_vars_of_the_preset_among_all_others(installation, package):
    written = yaml.safe_load((installation / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    declared = project.declared_vars(package)

    assert list(written) == list(declared)
    assert written["country_when_blank"] == ""
    assert {name for name in written if written[name] != declared[name]} == {
        "country_when_blank", "country_for_blank_address", "send_decision_role", "line_discount", "quote_date_when_blank",
        "quote_country_when_blank",
    }  # fmt: skip
    assert project.dbt_projects()[1].resolve() == package
    assert project.installation_vars()["line_discount"] == "line_item"


def test_p2c_init_is_the_way_over_while_a_setting_of_an_earlier_version_is_still_set(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("P2C_PRESET", "templates_direct")

    assert cli.main(["init", str(tmp_path / "new"), "--preset", "templates_direct"]) == 0

    assert f"Set P2C_DBT_PROJECT={tmp_path / 'new'} for every process of Airflow" in capsys.readouterr().out


def test_the_worked_example_of_the_docs_is_taken(bare):
    shown = yaml.safe_load(DOCS.split("```yaml\n")[1].split("```")[0])
    bare(**shown)

    assert project.installation_vars()["own_fields"]["accounts"][0]["target"] == "CustClassificationId"


def test_the_docs_list_the_macros_and_seeds_that_an_installation_may_replace():
    macros = [path.read_text(encoding="utf-8") for path in (DBT_PROJECT / "macros").glob("*.sql")]
    replaceable = {name for text in macros for name in re.findall(r"macro default__(\w+)\(", text)}

    assert set(re.findall(r"^\| `(\w+)\(", DOCS, re.M)) == replaceable
    assert len(replaceable) == 3
    for seed in project.extendable_seeds(DBT_PROJECT):
        assert f"`{seed}`" in DOCS


def own_files(installation, package):
    """An own model, macro, rows and column, as the docs show them."""
    ours = (package / "models/canonical/canonical_accounts.sql").read_text(encoding="utf-8")
    assert ours.count("    placed.memo,\n") == 1
    mine = ours.replace("    placed.memo,\n", "    concat_ws(': ', placed.number, placed.memo) as memo,\n")
    put(installation, "models/canonical/canonical_accounts.sql", mine)
    replace(
        installation / "dbt_project.yml",
        "  # prospect_to_cash: {canonical: {canonical_accounts: {+enabled: false}}}",
        "  prospect_to_cash: {canonical: {canonical_accounts: {+enabled: false}}}",
    )
    put(installation, "macros/numbers.sql",
        "{% macro postgres__assigned_number(prefix, id, salt) -%}"
        " '{{ prefix }}-' || left(md5({{ id }} || {{ salt }}), 8) {%- endmacro %}")  # fmt: skip
    put(installation, "seeds/country_contoso.csv", "sales_text,iso2\nRuritania ,DE\nfrance,SE\n")
    put(installation, "seeds/_seeds.yml",
        "seeds: [{name: country_contoso, config: {tags: [accounts], column_types: {sales_text: text, iso2: text}}}]")  # fmt: skip
    replace(installation / "dbt_project.yml", "  own_rows: {}", "  own_rows: {country: country_contoso}")
    replace(
        installation / "dbt_project.yml", "  own_fields: {}",
        '  own_fields: {accounts: [{source: new_region, target: CustClassificationId, values: {"1": "{{ 7 * 7 }}"}}]}',
    )  # fmt: skip


def opened(warehouse, installation, tmp_path, n):
    return Warehouse(warehouse.url, tmp_path / f"dbt {n}", installation)


@pytest.mark.slow
def test_own_model_macro_rows_and_column_work_and_outlive_an_upgrade(
    installation, package, fresh_warehouse, tmp_path
):
    fresh_warehouse.connect_environments()
    own_files(installation, package)
    first = fresh_warehouse.account(1, description="call first", address1_country="ruritania",
                                    address1_stateorprovince=None, new_region=1)  # fmt: skip
    second = fresh_warehouse.account(
        2, accountnumber=None, address1_country="France", address1_stateorprovince=None
    )
    try:
        with opened(fresh_warehouse, installation, tmp_path, 1) as own:
            assert described(own.parsed()) == "replaces canonical_accounts; adds country_contoso"
            own.invoke(["build", "--select", "+tag:accounts"])
            one, two = (own.envelope("finops__accounts", key)["body"] for key in (first, second))
            assert one["SalesMemo"] == "A-0001: call first"
            assert one["CustClassificationId"] == "{{ 7 * 7 }}"
            assert one["block:address"]["AddressCountryRegionISOCode"] == "DE"
            assert two["block:address"]["AddressCountryRegionISOCode"] == "SE"
            (number,) = own.rows(
                "select account_number as number from canonical.canonical_account_numbers where source_key = %s",
                second,
            )
            assert len(number["number"]) == len("ACC-12345678")

        # an upgrade: a column of staging, a rule, a var
        replace(
            package / "models/validation/accounts/violations_accounts.sql", "'customer_group_missing', 'company'",
            "'own_rule_of_the_upgrade', 'company', 'x', true\n        union all select 'customer_group_missing', 'company'",
        )  # fmt: skip
        with (package / "seeds/rules.csv").open("a", encoding="utf-8") as file:
            file.write("own_rule_of_the_upgrade,accounts,warn,{record} is warned.,Nothing.,here,\n")
        replace(package / "dbt_project.yml", "  blocked_floor: 50", "  blocked_floor: 50\n  new_var: x")
        with opened(fresh_warehouse, installation, tmp_path, 2) as own:
            own.invoke(["build", "--select", "+tag:accounts"])
            assert own.violations("accounts", first)["own_rule_of_the_upgrade"] == "warn"
            assert own.envelope("finops__accounts", first)["body"] == one

        # a column of the model that is replaced: the build stops and names it
        replace(package / "models/canonical/canonical_accounts.yml", "      - name: memo\n",
                "      - name: new_column\n        data_type: text\n      - name: memo\n")  # fmt: skip
        with opened(fresh_warehouse, installation, tmp_path, 3) as own:
            stopped = own.invoke(["build", "--select", "canonical_accounts"], expect=False)
            assert "new_column" in json.dumps(own.failures(stopped))
    finally:
        fresh_warehouse.run("truncate sync.connection_environment, sync.environment, sync.builds cascade")
        fresh_warehouse.run("drop table if exists seeds.country_contoso")
        fresh_warehouse.seed()


@pytest.mark.slow
def test_a_seed_of_own_rows_that_does_not_fit_stops_the_build_with_a_sentence(
    installation, fresh_warehouse, tmp_path
):
    put(installation, "seeds/states.csv", "iso2,sales_text,state_id\nDE,bayern,09\n")
    replace(installation / "dbt_project.yml", "  own_rows: {}", "  own_rows: {state: states}")
    try:
        with opened(fresh_warehouse, installation, tmp_path, 1) as own:
            own.invoke(["seed", "--select", "states", "--vars", "{build_id: 1}"])
            run = ["--select", "+canonical_account_addresses", "--exclude-resource-type", "unit_test"]
            stopped = own.build("accounts", *run, expect=False)
            assert (
                "dbt has read column 'state_id' as integer, so that 01 is 1; give the seed in its yml"
                in json.dumps(own.failures(stopped))
            )
    finally:
        fresh_warehouse.run("drop table if exists seeds.states")
