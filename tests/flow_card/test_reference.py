"""The schema for editors, the tables of the docs and the shipped cards belong together."""

import json

import jsonschema
import pytest
import yaml

from local.card_reference import END, PAGE, SCHEMA, page
from local.errors import LocalError
from prospect_to_cash.flow_card import load_cards
from prospect_to_cash.flow_card.folder import MODELINE
from prospect_to_cash.flow_card.schema import schema, schema_text
from tests.world import ROOT

FOLDER = ROOT / "dags" / "flows"
SHIPPED = sorted(path.name for path in FOLDER.glob("*.yaml"))
MOST_TASKS = 9


class Loader(yaml.SafeLoader):
    """Reads YAML as editors do for JSON schemas: timestamps stay text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def problems(text):
    return list(jsonschema.Draft202012Validator(schema()).iter_errors(yaml.load(text, Loader)))


def test_the_committed_schema_is_the_one_of_the_models():
    """`make docs` makes it anew."""
    assert (ROOT / SCHEMA).read_text(encoding="utf-8") == schema_text()
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


def test_the_tables_of_the_page_are_the_ones_of_the_models():
    """`make docs` makes them anew."""
    text = (ROOT / PAGE).read_text(encoding="utf-8")

    assert page(text) == text
    assert "| `large` | any | Whether a task of its own reads this set" in text


def test_a_page_without_the_marks_of_its_tables_is_an_error():
    with pytest.raises(LocalError, match=r"docs/add_a_flow.md lacks the comments around its tables: restore"):
        page((ROOT / PAGE).read_text(encoding="utf-8").replace(END, ""))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_card_names_the_schema_and_is_valid(name):
    text = (FOLDER / name).read_text(encoding="utf-8")

    assert text.startswith(MODELINE)
    assert f"$schema={SCHEMA.name}\n" in MODELINE
    assert problems(text) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("purpose:", "purposes:"),
        ("order: 20", "order: first"),
        ("order: 20", "order: 20\nname: accounts"),
        ("order: 20", "order: 20\nsafety_limit: {share: 2}"),
        ("strategy: delta, ", "strategy: guess, "),
        ("strategy: delta, ", ""),
        ("strategy: delta, ", "strategy: delta, filter: name ne null, "),
        ("changed_at: modifiedon, ", ""),
        ("every: 1d", "every: soon"),
        ("every: 1d", "every: null"),
        ("page_size: 5000", "page_size: 5000, select: [name]"),
        ("read_back: [PartyNumber]", "read_back: PartyNumber"),
        ("read_back: [PartyNumber]", "absent_parts: remove"),
        ("read_back: [PartyNumber]", "package: {group: g}"),
        ("id: accountid, ", ""),
    ],
)
def test_the_schema_finds_what_loading_refuses(before, after):
    text = (FOLDER / "accounts.yaml").read_text(encoding="utf-8")
    assert before in text

    assert problems(text.replace(before, after)) != []


def test_the_schema_accepts_every_kind_of_value():
    text = (FOLDER / "accounts.yaml").read_text(encoding="utf-8")
    package = "package: {group: g, entity: e, min_rows: 1, fields: [a], names: {a: b}}"
    for before, after in {
        "order: 20": "order: 20\nstart_date: 2026-01-01T00:00:00Z\nsafety_limit: {share: 1, floor: 0}",
        "read_back: [PartyNumber]": f'{package}, absent_parts: {{IsInactive: "Yes"}}',
        "strategy: compare, every: 6h": "strategy: package, every: 6h, package: {group: g, entity: e, dates: eu}",
    }.items():
        assert before in text
        text = text.replace(before, after)

    assert problems(text) == []


def test_the_run_of_a_shipped_card_has_at_most_nine_tasks():
    cards = load_cards(FOLDER, ROOT / "dbt_project")
    tasks = {
        card.name: len(card.extract_tasks) + len(card.writes) + len(("transform", "report")) for card in cards
    }

    assert len(tasks) == len(SHIPPED) >= 4
    assert {name: number for name, number in tasks.items() if number > MOST_TASKS} == {}
    assert all(any(read.large for read in card.reads) for card in cards)
