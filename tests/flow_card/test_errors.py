"""What a mistake on a card says: file, entry, what is wrong, what to write."""

import copy
import re
from datetime import date

import pytest
import yaml

from prospect_to_cash.flow_card import CardError

CARD = """
purpose: Move things.
schedule: "0 * * * *"
reads:
  - {system: sales, entity: things, key: [id], strategy: window, changed_at: changed, overlap: 2m}
  - {system: finops, entity: Things, key: [id], strategy: package, every: 1d, package: {group: g, entity: T}}
writes:
  - {name: things, system: finops, entity: Things, key: [id]}
  - {name: parts, system: finops, entity: Parts, key: [id], package: {group: g, entity: P, min_rows: 5}}
"""
OF_CARD = (
    "purpose, record, schedule, order, start_date, max_rejected_share, safety_limit, reads, writes, documents"
)
OF_WINDOW = (
    "system, entity, key, strategy, version, page_size, large, only_if, changed_at, filter, overlap, lag"
)
READ, WRITE, PACKED = ", read 1 (things)", ", write 1 (things)", ", write 2 (parts)"
FIRST = "key: [id], strategy: window"
MISTAKES = [
    # keys
    ("purpose: Move things.", "purpose: Move things.\nwhen: never", "", f"'when' is not known; a card may have {OF_CARD}."),
    ("purpose: Move things.", "purpose: Move things.\norders: 1", "",
     f"'orders' is not known; did you mean 'order'? A card may have {OF_CARD}."),
    ("purpose: Move things.", "purpose: Move things.\nname: x", "", f"'name' is not known; a card may have {OF_CARD}."),
    ("purpose: Move things.", "purpose: Move things.\nsafety_limit: {flor: 1}", "",
     "'safety_limit.flor' is not known; did you mean 'floor'? "
     "'safety_limit' may have share, floor, removed_share, removed_floor."),
    (FIRST, f"select: [id], {FIRST}", READ, f"'select' is not known; a read with strategy 'window' may have {OF_WINDOW}."),
    (FIRST, f"every: 1d, {FIRST}", READ,
     "'every' does not go with strategy 'window', only with compare or package; remove it, or change the strategy."),
    ("group: g, entity: T", "group: g, entity: T, ful_group: x", ", read 2 (Things)",
     "'package.ful_group' is not known; did you mean 'full_group'? 'package' may have group, entity, full_group, dates."),
    ('schedule: "0 * * * *"', "", "",
     "'schedule' is missing (when the flow runs, as a cron expression in UTC); add it, as in `schedule: 30 * * * *`."),
    (FIRST, "strategy: window", READ,
     "'key' is missing (fields that identify a record); add it, as in `key: [accountid]`."),
    ("changed_at: changed, ", "", READ,
     "'changed_at' is missing (field with the time of the last change, to read a window of time); "
     "add it, as in `changed_at: modifiedon`."),
    ("every: 1d, ", "", ", read 2 (Things)",
     "'every' is missing (how often all records are read: package exports do not report deletions); "
     "add it, as in `every: 1d`."),
    ("group: g, entity: T", "entity: T", ", read 2 (Things)",
     "'package.group' is missing (name of the data project that exports the changes); "
     "add it, as in `group: P2C customers, changes`."),
    ("purpose: Move things.", "purpose:", "",
     "'purpose' is missing (what the flow does, in one sentence); add it, "
     "as in `purpose: Bring the accounts of Sales into Finance and Operations`."),
    ("purpose: Move things.", "purpose: Move things.\n7: x", "", f"'7' is not known; a card may have {OF_CARD}."),
    # values
    ("purpose: Move things.", 'purpose: ""', "",
     "'purpose' must not be empty; write a text, "
     "as in `purpose: Bring the accounts of Sales into Finance and Operations`."),
    ("purpose: Move things.", "purpose: Move things.\norder: first", "", "'order' must be a whole number, not 'first'."),
    ("purpose: Move things.", "purpose: Move things.\nmax_rejected_share: 20", "",
     "'max_rejected_share' must be a number from 0 to 1, not 20."),
    ("purpose: Move things.", "purpose: Move things.\nsafety_limit: 20", "",
     "'safety_limit' must be a mapping of keys to values, as in `safety_limit: {share: 0.5, floor: 100}`, not 20."),
    ("purpose: Move things.", "purpose: Move things.\nstart_date: 2026-01-01", "",
     "'start_date' must be a timestamp, as in `start_date: 2026-01-01 00:00:00+00:00`, not 2026-01-01."),
    (FIRST, "key: id, strategy: window", READ,
     "'key' must be a list of field names, as in `key: [accountid]`, not 'id'."),
    (FIRST, "key: [a b], strategy: window", READ,
     "'key' must be a list of field names, as in `key: [accountid]`; 'a b' is not a field name."),
    (FIRST, "key: [], strategy: window", READ,
     "'key' must not be empty; write at least one entry, as in `key: [accountid]`."),
    ("overlap: 2m", "overlap: soon", READ, "'overlap' must be a duration such as 30s, 5m, 6h or 1d, not 'soon'."),
    ("overlap: 2m", "overlap: 1000000d", READ,
     "'overlap' must be a duration such as 30s, 5m, 6h or 1d, not '1000000d'."),
    ("overlap: 2m", "overlap: 5", READ, "'overlap' must be a duration such as 30s, 5m, 6h or 1d, not 5."),
    ("overlap: 2m", "page_size: 0", READ,
     "'page_size' must be a whole number of 1 or more, as in `page_size: 5000`, not 0."),
    ("overlap: 2m", "large: 1", READ, "'large' must be true or false, not 1."),
    ("overlap: 2m", "only_if: company_from", READ,
     "'only_if' must be a mapping, as in `only_if: {company_from: owner_team}`, not 'company_from'."),
    ("system: sales", "system: crm", READ, "'system' must be sales or finops, not 'crm'."),
    ("entity: T}", "entity: T, dates: iso}", ", read 2 (Things)", "'package.dates' must be us or eu, not 'iso'."),
    ("name: parts", "name: Parts", ", write 2 (Parts)",
     "'name' must be lower case letters, digits and _, as in `name: account_numbers`, not 'Parts'."),
    ("key: [id]}", "key: [id], absent_parts: remove}", WRITE,
     "'absent_parts' must be delete, or a body such as {IsInactive: \"Yes\"}, not 'remove'."),
    ("key: [id]}", "key: [id], absent_parts: {Off: Yes}}", WRITE,
     "'absent_parts' must be delete, or a body such as {IsInactive: \"Yes\"}, not {false: true}."),
    ("min_rows: 5", "min_rows: 0", PACKED, "'package.min_rows' must be a whole number of 1 or more, not 0."),
    ("min_rows: 5", "names: {A: 1}", PACKED,
     "'package.names' must be a mapping, as in `names: {OrganizationName: Name}`; 1 is not text."),
    ("reads:\n", "reads:\n  - things\n", ", read 1", "the entry must be a mapping of keys to values, not 'things'."),
    # strategies
    ("strategy: window", "strategy: windw", READ,
     "strategy 'windw' is not known; did you mean 'window'? Use one of window, delta, compare, package."),
    ("strategy: window", "strategy: guess", READ,
     "strategy 'guess' is not known; use one of window, delta, compare, package."),
    ("strategy: window", "strategy:", READ,
     "'strategy' is missing; add one of window, delta, compare, package, as in `strategy: compare`."),
    ("strategy: window, ", "", READ,
     "'strategy' is missing; add one of window, delta, compare, package, as in `strategy: compare`."),
    ("strategy: window", "strategy: delta, filter: x", READ,
     "'filter' does not go with strategy 'delta', only with window or compare; remove it, or change the strategy."),
    (FIRST, "key: [id, label], strategy: delta", READ,
     "strategy 'delta' takes one key field, the GUID: change tracking names deleted records by it."),
    ("system: finops, entity: Things, key: [id], strategy: package, every: 1d, package: {group: g, entity: T}",
     "system: finops, entity: Things, key: [id], strategy: delta, changed_at: x", ", read 2 (Things)",
     "strategy 'delta' is for sales only, not for finops; use another strategy."),
    ("strategy: package, every: 1d", "strategy: compare", ", read 2 (Things)",
     "'package' does not go with strategy 'compare', only with package; remove it, or change the strategy."),
    # what the dbt sources lack
    ("entity: things", "entity: others", ", read 1 (others)",
     "there are no columns for 'sales_others' in models/staging/sales/_sales__sources.yml; "
     "list there the fields that staging reads."),
    (FIRST, "key: [lable], strategy: window", READ,
     "key field 'lable' is not a column of 'sales_things' in models/staging/sales/_sales__sources.yml; "
     "did you mean 'label'? Correct 'key', or list the column there."),
    # rules of a write
    ("finops, entity: Things, key: [id]}", "sales, entity: things, key: [id]}", WRITE,
     "a write to sales needs 'id', the property with the GUID of the record."),
    ("key: [id]}", "key: [id], assigned_by_target: [id]}", WRITE,
     "a write with 'assigned_by_target' needs 'match_on', the properties by which a created record is found again."),
    ("key: [id]}", "key: [id], assigned_by_target: [x], match_on: [y]}", WRITE,
     "'assigned_by_target' names properties that are not in 'key'; add them there."),
    ("key: [id]}", "key: [id], match_where: {a: b}}", WRITE,
     "'match_where' is for a write with 'assigned_by_target'; remove it, or add 'assigned_by_target'."),
    ("min_rows: 5}", "min_rows: 5}, creates: false", PACKED,
     "'package' is for a write that creates records in finops; remove it."),
    ("min_rows: 5}", "min_rows: 5}, assigned_by_target: [id], match_on: [x]", PACKED,
     "'package' and 'assigned_by_target' exclude each other: an import finds its records by their key."),
    # entries that appear twice
    ("name: parts", "name: things", "", "write 'things' appears twice; remove one of the two entries."),
    ("system: finops, entity: Things, key: [id], strategy: package, every: 1d, package: {group: g, entity: T}",
     "system: sales, entity: things, key: [id], strategy: compare", "",
     "read 'sales_things' appears twice; remove one of the two entries."),
]  # fmt: skip


def test_the_card_without_a_mistake_is_accepted(cards):
    (card,) = cards(CARD)

    assert [len(card.reads), len(card.writes)] == [2, 2]


@pytest.mark.parametrize(("before", "after", "place", "sentence"), MISTAKES)
def test_a_mistake_is_one_sentence_with_file_and_entry(cards, before, after, place, sentence):
    assert before in CARD

    with pytest.raises(CardError) as error:
        cards(CARD.replace(before, after))

    assert str(error.value) == f"things.yaml{place}: {sentence}"


def test_all_mistakes_of_all_cards_come_at_once(cards):
    text = CARD.replace("overlap: 2m", "overlap: soon, page_size: many").replace(
        "min_rows: 5", "min_rows: no"
    )
    other = "purpose: Move parts."

    with pytest.raises(CardError) as error:
        cards(a=text, b=other)

    assert [line.partition("' ")[0] for line in str(error.value).splitlines()] == [
        "a.yaml, read 1 (things): 'page_size",
        "a.yaml, read 1 (things): 'overlap",
        "a.yaml, write 2 (parts): 'package.min_rows",
        "b.yaml: 'schedule",
        "b.yaml: 'reads",
        "b.yaml: 'writes",
    ]


def test_the_mistake_of_the_only_read_is_the_only_one(cards):
    """Pydantic counts valid entries, so it finds the list too short as well."""
    second = CARD.index("  - {system: finops")
    text = CARD[:second] + CARD[CARD.index("writes:") :]

    with pytest.raises(CardError) as error:
        cards(text.replace("[id], strategy: window", "[1], strategy: window"))

    assert str(error.value) == (
        "things.yaml, read 1 (things): 'key' must be a list of field names, as in `key: [accountid]`; 1 is not a field name."
    )


ODD = [None, True, 7, "a b", [], [7], {7: "a"}, [{"a": "b"}], date(2026, 1, 1)]


def places(value, path=()):
    """Every place of a card where a value stands."""
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in entries:
        yield (*path, key)
        yield from places(inner, (*path, key))


def test_every_odd_value_at_every_place_gets_sentences_of_ours(cards):
    content = yaml.safe_load(CARD)
    lines = []
    for path in [*places(content), ("new",), ("reads", 0, "new"), ("writes", 1, "package", "new"), (7,)]:
        texts = {}
        for number, odd in enumerate(ODD):
            place = card = copy.deepcopy(content)
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = odd
            texts[f"odd{number}"] = yaml.safe_dump(card)
        with pytest.raises(CardError) as error:
            cards(**texts)
        lines += str(error.value).splitlines()

    assert len(lines) > 300
    form = re.compile(r"odd\d+\.yaml(, (read|write) \d( \(.+?\))?)?: .+\.")
    assert [line for line in lines if not form.fullmatch(line)] == []
    assert [
        line for line in lines if re.search(r"Input|should|Value error|pydantic|None|instance", line)
    ] == []


def test_a_fault_of_the_yaml_and_a_file_name_are_named_too(cards):
    with pytest.raises(CardError) as error:
        cards(**{"A-b": CARD, "broken": "purpose: [", "list": "- purpose"})

    first, *middle, last = str(error.value).splitlines()
    assert first == "A-b.yaml: a flow's file name must be lower case with underscores."
    assert middle[0].startswith("broken.yaml is not YAML: while parsing")
    assert last == "list.yaml: a card must be a mapping that starts with 'purpose: ...'."
