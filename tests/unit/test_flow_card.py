import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from prospect_to_cash.flow_card import CardError, load_cards, snake

SOURCES = """
sources:
  - name: {system}
    tables:
      - {{name: things, identifier: {system}_things, columns: [{{name: id}}, {{name: label}}]}}
"""

CARD = """
purpose: Move things.
schedule: "0 * * * *"
reads:
  - {system: sales, entity: things, key: [id], strategy: window, changed_at: changed, overlap: 2m}
writes:
  - {name: things, system: finops, entity: Things, key: [id]}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for system in ("sales", "finops"):
        folder = tmp_path / "dbt" / "models" / "staging" / system
        folder.mkdir(parents=True)
        (folder / f"_{system}__sources.yml").write_text(SOURCES.format(system=system))
    (tmp_path / "flows").mkdir()
    return tmp_path


def cards(project: Path, text: str, name: str = "things.yaml"):
    (project / "flows" / name).write_text(text)
    return load_cards(project / "flows", project / "dbt")


def test_a_card_becomes_facts_and_its_select_comes_from_the_sources(project):
    (card,) = cards(project, CARD)

    assert card.dag_id == "prospect_to_cash_things"
    assert card.start_date == datetime(2026, 1, 1, tzinfo=UTC)
    assert card.reads[0].overlap == timedelta(minutes=2)
    assert card.reads[0].select == ("id", "changed", "label")
    assert card.writes[0].target_set == "Things"
    assert card.writes[0].relation == "outbound_finops__things"


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("purpose: Move things.", "purpose: Move things.\nwhen: never", "'when' is not known"),
        ("key: [id], strategy", "key: id, strategy", "'key' is a list"),
        ("strategy: window, changed_at: changed", "strategy: window", "needs 'changed_at'"),
        ("strategy: window, changed_at: changed", "strategy: delta", "needs 'changed_at' too"),
        ("strategy: window", "filter: a eq 1, strategy: delta", "takes no 'filter'"),
        ("key: [id], strategy: window", "key: [id, label], strategy: delta", "one key field"),
        (
            "system: sales, entity: things, key: [id], strategy: window",
            "system: finops, entity: things, key: [id], strategy: delta",
            "is for tables of sales",
        ),
        ("overlap: 2m", "expires: soon", "'expires' is a duration such as"),
        ("key: [id]}", "key: [id], bulk: 1}", "'bulk' is true or false"),
        ("overlap: 2m", "overlap: soon", "'overlap' is a duration such as"),
        ("system: sales", "system: crm", "system 'crm' is unknown"),
        (
            "entity: things, key: [id], strategy",
            "entity: others, key: [id], strategy",
            "no columns for 'sales_others'",
        ),
        ("system: finops, entity", "system: sales, entity", "needs 'id'"),
        ("key: [id]}", "key: [id], max_parallel: 0}", "are 1 or more"),
        ("overlap: 2m", "when: company_from", "'when' names a var and its value"),
        ("purpose: Move things.", "purpose: Move things.\nmax_rejected_share: 20", "a share between 0 and 1"),
        ("schedule:", "schedules:", "'schedules' is not known"),
    ],
)
def test_a_mistake_in_a_card_is_one_sentence_that_names_the_file(project, before, after, sentence):
    assert before in CARD

    with pytest.raises(CardError, match=r"things\.yaml") as said:
        cards(project, CARD.replace(before, after))

    assert sentence in str(said.value)


def test_a_write_that_stands_twice_is_refused(project):
    with pytest.raises(CardError, match="write 'things' stands twice"):
        cards(project, CARD + "  - {name: things, system: finops, entity: Things, key: [id]}\n")


def test_an_empty_folder_of_cards_is_an_error(project):
    with pytest.raises(CardError, match="has no flow card"):
        load_cards(project / "flows", project / "dbt")


@pytest.mark.parametrize(
    ("entity", "table"),
    [
        ("CustomersV3", "customers_v3"),
        ("CDSReleasedDistinctProducts", "cds_released_distinct_products"),
        ("UnitsOfMeasure", "units_of_measure"),
        ("productpricelevels", "productpricelevels"),
    ],
)
def test_an_entity_set_has_one_table_name(entity, table):
    assert snake(entity) == table


@pytest.fixture
def staged(project):
    """The same project, whose staging model of `things` takes own fields and a field that a var names."""
    (project / "dbt" / "models" / "staging" / "sales" / "stg.sql").write_text(
        "{{- own_columns('things', [var(\"label_column\")]) }}"
    )
    (project / "flows" / "things.yaml").write_text(CARD)
    return project


def selected(project, **variables):
    (card,) = load_cards(project / "flows", project / "dbt", variables)
    return card.reads[0].select


def test_fields_that_vars_name_are_asked_for_too(staged):
    own = [{"source": "new_region", "target": "Region"}, {"source": "label", "target": "Label"}]

    assert selected(staged, own_fields={"things": own}, label_column="new_label") == (
        "id", "changed", "label", "new_region", "new_label"
    )  # fmt: skip
    assert selected(staged, own_fields={}, label_column="") == ("id", "changed", "label")


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"own_fields": {"thing": []}}, "own_fields names 'thing', which takes none; it may name things."),
        ({"own_fields": ["things"]}, "own_fields is a mapping from an entity set"),
        ({"own_fields": {"things": "new_region"}}, "own_fields, things: write a list of fields"),
        ({"own_fields": {"things": [{"target": "x"}]}}, "own_fields, things: write a list of fields"),
        ({"own_fields": {"things": [{"source": "a&b"}]}}, "the field 'a&b', which is no field name"),
        ({"label_column": "new label"}, "the field 'new label', which is no field name"),
    ],
)
def test_a_var_that_names_no_field_is_refused_before_anything_is_read(staged, variables, sentence):
    with pytest.raises(CardError) as said:
        selected(staged, **variables)

    assert sentence in str(said.value)


def test_a_read_is_made_only_where_the_vars_say_so(staged):
    own = "  - {system: sales, entity: things, key: [id], strategy: compare, when: {label_column: new_label}}"
    first = "  - {system: sales, entity: things"
    text = CARD.replace(first, f"{own.replace('sales', 'finops')}\n{first}")
    (staged / "flows" / "things.yaml").write_text(text)
    project = staged / "dbt" / "dbt_project.yml"
    project.write_text("vars: {label_column: new_label}")

    def reads(variables):
        (card,) = load_cards(staged / "flows", staged / "dbt", variables)
        return [read.name for read in card.reads]

    assert reads(None) == reads({}) == ["finops_things", "sales_things"]
    assert reads({"label_column": "other"}) == ["sales_things"]
    project.write_text("vars: {}")
    with pytest.raises(CardError, match="'when' names var 'label_column', which the dbt project has not"):
        reads({})


PACKAGES = CARD.replace(
    "{system: sales, entity: things, key: [id], strategy: window, changed_at: changed, overlap: 2m}",
    "{system: finops, entity: Things, key: [id], strategy: package, every: 1d, package_group: g, package_entity: Things V3}",
).replace(
    "entity: Things, key: [id]}",
    "entity: Things, key: [id], via: package, package_group: g, package_entity: Things V3, package_from: 50}",
)


def test_a_card_may_read_and_write_by_package(project):
    (card,) = cards(project, PACKAGES)

    assert (card.reads[0].package_group, card.reads[0].package_entity) == ("g", "Things V3")
    assert (card.writes[0].via, card.writes[0].package_from) == ("package", 50)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("every: 1d, ", "", "needs 'every'"),
        ("every: 1d, package_group: g,", "every: 1d,", "'package_group', the data project"),
        ("strategy: package, every: 1d", "strategy: compare", "goes with strategy 'package'"),
        ("every: 1d,", "every: 1d, filter: x eq 1,", "takes no 'filter'"),
        ("every: 1d,", "every: 1d, package_dates: iso,", "'package_dates' is us"),
        ("{system: finops, entity: Things, key: [id], strategy", "{system: sales, entity: things, key: [id], strategy",
         "for finops alone"),
        ("via: package", "via: mail", "'via' is odata or package"),
        ("via: package, ", "", "goes with 'via: package'"),
        ("via: package, package_group: g,", "via: package,", "'via: package' needs"),
        ("package_from: 50", "package_from: 0", "'package_from' is 1 or more"),
        ("package_from: 50", "assigned: [id], find_by: [name]", "without 'assigned'"),
        ("package_from: 50", "creates: false", "for creates in finops"),
    ],
)  # fmt: skip
def test_a_card_that_cannot_go_by_package_says_why(project, before, after, sentence):
    assert before in PACKAGES

    with pytest.raises(CardError, match=re.escape(sentence)):
        cards(project, PACKAGES.replace(before, after))
