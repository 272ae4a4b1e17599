"""The two presets name the same vars, the project declares each, and the docs show both as they are."""

import re

import pytest

from d365_sandbox.records import BUSINESS_UNITS
from prospect_to_cash.installation.new_project import preset_vars, presets
from prospect_to_cash.installation.project import declared_vars
from tests.dbt.warehouse import DBT_PROJECT

PRESETS = {name: preset_vars(name) for name in presets() if name != "sample"}
DECLARED = declared_vars(DBT_PROJECT)
DOCS = (DBT_PROJECT.parent / "docs" / "presets.md").read_text(encoding="utf-8")


def test_both_presets_name_the_same_vars():
    assert set(PRESETS) == {"templates_2017", "templates_direct"}
    assert set(PRESETS["templates_2017"]) == set(PRESETS["templates_direct"])


@pytest.mark.parametrize("name", sorted(set().union(*PRESETS.values())))
def test_a_var_of_a_preset_is_declared_and_of_the_same_kind(name):
    assert name in DECLARED
    for preset in PRESETS.values():
        assert type(preset[name]) is type(DECLARED[name])


def test_preset_sample_fits_the_records_of_the_stand_ins():
    units = {unit.name: company for company, unit in BUSINESS_UNITS.items()}

    assert preset_vars("sample")["company_map"] == {"sandbox": "usmf"} | units


def test_without_a_preset_the_project_stands_as_in_2017():
    assert {name: DECLARED[name] for name in PRESETS["templates_2017"]} == PRESETS["templates_2017"]


@pytest.mark.parametrize(
    ("name", "of_2017", "of_direct"),
    [
        ("line_discount", "per_unit", "line_item"),
        ("quote_country_when_blank", "", "US"),
        ("quote_date_when_blank", "2020-01-01", ""),
        ("country_when_blank", "US", ""),
        ("country_for_blank_address", True, False),
    ],
)
def test_the_generations_differ_as_their_pages_do(name, of_2017, of_direct):
    assert PRESETS["templates_2017"][name] == of_2017
    assert PRESETS["templates_direct"][name] == of_direct


def test_the_docs_show_every_var_of_both_presets_with_a_source():
    shown = {}
    for line in DOCS.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and re.fullmatch(r"`\w+`", cells[0]):
            assert cells[3], line
            shown[cells[0].strip("`")] = cells[1:3]

    def written(value):
        return "blank" if value == "" else f"`{str(value).lower() if isinstance(value, bool) else value}`"

    assert shown == {
        name: [written(PRESETS[preset][name]) for preset in ("templates_2017", "templates_direct")]
        for name in PRESETS["templates_2017"]
    }
