"""Cards as they are read from a folder, with what the dbt project and the installation's vars add."""

import copy
import pickle
from datetime import UTC, datetime, timedelta

import pytest

from prospect_to_cash.flow_card import CardError, CompareRead, PackageRead, WindowRead, load_cards, snake

CARD = """# yaml-language-server: $schema=flow_card.schema.json
purpose: Move things.
schedule: "0 * * * *"
reads:
  - {system: sales, entity: things, key: [id], strategy: window, changed_at: changed, overlap: 2m}
writes:
  - {name: things, system: finops, entity: Things, key: [id]}
"""
PACKAGES = """
purpose: Move things.
schedule: "0 * * * *"
reads:
  - {system: finops, entity: Things, key: [id], strategy: package, every: 1d, package: {group: g, entity: Things V3}}
writes:
  - name: things
    system: finops
    entity: Things
    key: [id]
    package: {group: new, entity: Things V3, min_rows: 50, fields: [label], names: {label: Name}}
"""


def test_a_card_becomes_facts_and_its_select_comes_from_the_sources(cards):
    (card,) = cards(CARD)
    (read,) = card.reads

    assert (card.name, card.dag_id) == ("things", "prospect_to_cash_things")
    assert card.start_date == datetime(2026, 1, 1, tzinfo=UTC)
    assert isinstance(read, WindowRead)
    assert (read.overlap, read.lag) == (timedelta(minutes=2), timedelta(0))
    assert read.select == ("id", "changed", "label")
    assert card.writes[0].target_set == "Things"
    assert card.writes[0].relation == "outbound_finops__things"
    assert (card.safety_limit.share, card.safety_limit.floor) == (0.5, 100)


def test_the_text_of_a_card_leaves_out_the_line_for_editors(cards):
    (card,) = cards(CARD)

    assert card.text == CARD.partition("\n")[2]


def test_every_value_of_a_card_arrives(cards):
    (card,) = cards(
        CARD.replace("purpose:", "order: 7\nstart_date: 2026-03-01T00:00:00\npurpose:")
        .replace("reads:", "max_rejected_share: 0\nsafety_limit: {share: 1, floor: 0}\nreads:")
        .replace("overlap: 2m", "lag: 30s, filter: label ne null, version: v, page_size: 9, large: true")
        .replace("key: [id]}", 'key: [id], absent_parts: {IsOff: "Yes"}, bulk: false, target_set: Others}')
    )
    (read,), (write,) = card.reads, card.writes

    assert (card.order, card.start_date) == (7, datetime(2026, 3, 1, tzinfo=UTC))
    assert (card.max_rejected_share, card.safety_limit.share, card.safety_limit.floor) == (0, 1, 0)
    assert (read.lag, read.filter, read.page_size, read.large) == (
        timedelta(seconds=30), "label ne null", 9, True
    )  # fmt: skip
    assert read.select == ("id", "changed", "v", "label")
    assert (write.absent_parts, write.bulk, write.target_set) == ({"IsOff": "Yes"}, False, "Others")


def test_a_card_may_read_and_write_by_package(cards):
    (card,) = cards(PACKAGES)
    (read,), (write,) = card.reads, card.writes

    assert isinstance(read, PackageRead)
    assert (read.package.group, read.package.entity, read.package.full_group) == ("g", "Things V3", None)
    assert (read.package.dates, read.every) == ("us", timedelta(days=1))
    assert (write.package.group, write.package.min_rows) == ("new", 50)
    assert (write.package.fields, write.package.names) == (("label",), {"label": "Name"})


def test_the_creates_of_the_write_with_the_flows_name_count_unless_the_card_says_otherwise(cards):
    more = (
        "  - {name: parts, system: finops, entity: Parts, key: [id]}\n"
        "  - {name: people, system: finops, entity: People, key: [id], counts_as_record: true}\n"
    )
    (card,) = cards(CARD + more)

    assert [write.counts_as_record for write in card.writes] == [True, False, True]


def test_a_card_survives_pickle_and_deepcopy_and_cannot_be_changed(cards):
    (card,) = cards(PACKAGES)

    assert pickle.loads(pickle.dumps(card)) == card == copy.deepcopy(card)
    assert hash(card.reads[0]) == hash(copy.deepcopy(card.reads[0]))
    with pytest.raises(ValueError, match="frozen"):
        card.reads[0].every = timedelta(0)


def test_cards_come_in_their_order_and_then_by_name(cards):
    first = CARD.replace("purpose:", "order: 1\npurpose:").replace("name: things", "name: z")
    found = cards(
        b=CARD.replace("name: things", "name: b"), a=CARD.replace("name: things", "name: a"), z=first
    )

    assert [card.name for card in found] == ["z", "a", "b"]


def test_two_cards_with_a_write_of_the_same_name_are_refused(cards):
    with pytest.raises(CardError) as error:
        cards(a=CARD, b=CARD)

    assert str(error.value) == (
        "b.yaml, write 1 (things): a.yaml has a write 'things' too, but writes of all cards share one ledger; "
        "rename one of the two and its outbound model."
    )


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
    """The same project, whose source of `things` takes own fields and a field that a var names."""
    path = project / "dbt" / "models" / "staging" / "sales" / "_sales__sources.yml"
    meta = "config: {meta: {own_fields: things, fields_of_vars: [label_column]}}"
    path.write_text(path.read_text().replace("{name: things,", f"{{name: things, {meta},"))
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


def test_the_sources_of_an_installations_own_project_are_read_too(staged):
    own = staged / "own" / "models" / "staging" / "sales"
    own.mkdir(parents=True)
    (own / "_own__sources.yml").write_text(
        "sources: [{name: own, tables: [{name: dealers, identifier: sales_dealers, columns: [{name: id}, {name: city}]}]}]"
    )
    (staged / "flows" / "dealers.yaml").write_text(
        CARD.replace("entity: things", "entity: dealers").replace("name: things", "name: dealers")
    )

    cards = load_cards(staged / "flows", [staged / "own", staged / "dbt"], {"label_column": "new_label"})

    assert {card.name: card.reads[0].select for card in cards} == {
        "dealers": ("id", "changed", "city"), "things": ("id", "changed", "label", "new_label")
    }  # fmt: skip


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"own_fields": {"thing": []}}, "own_fields names 'thing', which takes none; it may name things."),
        ({"own_fields": ["things"]}, "own_fields must be a mapping from an entity set"),
        ({"own_fields": {"things": "new_region"}}, "own_fields, things: write a list of fields"),
        (
            {"own_fields": {"things": [{"target": "x"}]}},
            "own_fields, things: every field needs a source and a target",
        ),
        (
            {"own_fields": {"things": [{"source": "a&b", "target": "x"}]}},
            "own_fields, things: source 'a&b' is not a field name",
        ),
        ({"label_column": "new label"}, "the field 'new label' of things, which is not a field name"),
    ],
)
def test_a_var_that_names_no_field_is_refused_before_anything_is_read(staged, variables, sentence):
    with pytest.raises(CardError) as error:
        selected(staged, **variables)

    assert sentence in str(error.value)


def test_a_read_is_made_only_if_the_vars_have_its_values(staged):
    own = "  - {system: finops, entity: things, key: [id], strategy: compare, only_if: {label_column: new_label}}"
    first = "  - {system: sales, entity: things"
    assert first in CARD
    (staged / "flows" / "things.yaml").write_text(CARD.replace(first, f"{own}\n{first}"))
    project = staged / "dbt" / "dbt_project.yml"
    project.write_text("vars: {label_column: new_label}")

    def reads(variables):
        (card,) = load_cards(staged / "flows", staged / "dbt", variables)
        return [read.name for read in card.reads]

    assert reads(None) == reads({}) == ["finops_things", "sales_things"]
    assert reads({"label_column": "other"}) == ["sales_things"]
    project.write_text("vars: {labels_column: x}")
    with pytest.raises(CardError) as error:
        reads({})
    assert str(error.value) == (
        "things.yaml, read 1 (things): 'only_if' names var 'label_column', which the dbt project does not have; "
        "did you mean 'labels_column'? Correct the name, or declare the var in dbt_project.yml."
    )


def read(system, entity, large=False):
    return CompareRead(system=system, entity=entity, key=("id",), large=large)


def test_small_sets_of_a_system_share_an_extract_task_and_a_large_one_has_its_own(cards):
    (card,) = cards(CARD)
    small, large = read("sales", "uoms"), read("sales", "accounts", large=True)
    groups, sites = read("finops", "CustomerGroups"), read("finops", "Sites")
    card = card.model_copy(update={"reads": (groups, large, small, sites)})

    assert card.extract_tasks == {
        "extract.finops": (groups, sites),
        "extract.sales_accounts": (large,),
        "extract.sales": (small,),
    }
    assert list(card.extract_tasks) == ["extract.finops", "extract.sales_accounts", "extract.sales"]
