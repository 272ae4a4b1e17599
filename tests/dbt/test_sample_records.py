"""The sample records of the stand-ins name rules of this project; the catalogue has each of them."""

import csv
import re

from d365_sandbox.records import SPECIAL_CONTACTS, SPECIAL_QUOTES
from tests.dbt.warehouse import DBT_PROJECT


def test_rules_that_special_records_name_exist():
    with (DBT_PROJECT / "seeds" / "rules.csv").open(encoding="utf-8", newline="") as file:
        effects = {(row["rule"], row["flow"]): row["effect"] for row in csv.DictReader(file)}
    words = {"held": "block", "left out": "exclude", "warned": "warn"}

    named = [
        (words[effect], rule, flow)
        for flow, specials in (("contacts", SPECIAL_CONTACTS), ("quotes", SPECIAL_QUOTES))
        for special in specials
        for effect, rule in re.findall(r"(held|left out|warned) by (\w+)", special.becomes)
    ]
    assert len(named) > 30
    assert [(effect, rule, flow) for effect, rule, flow in named if effects.get((rule, flow)) != effect] == []
