"""Worlds in which values of records of any source are hostile: no record stops another, and nothing wrong is sent.

`make hostile N=200 SEED=1` tries many worlds; a world that fails prints its seed and the few values that it fails with.
"""

from __future__ import annotations

import os

import pytest

from tests.hostile.shrink import shrunk

WORLDS = int(os.environ.get("P2C_HOSTILE_WORLDS", "10"))
SEED = int(os.environ.get("P2C_HOSTILE_SEED", "1"))


@pytest.mark.slow
def test_the_valid_world_is_delivered(harness):
    result = harness.valid

    assert result.failures == []
    held = {
        unit: [row["broken_rule"] for row in found if row["effect"] == "block"]
        for unit, found in result.violations.items()
    }
    assert {unit: rules for unit, rules in held.items() if rules} == {}
    assert len(result.rows) > 90
    assert harness.judged([]).faults == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEED, SEED + WORLDS))
def test_hostile_values_hold_only_the_records_that_have_to_do_with_them(harness, seed):
    chosen = harness.hostile(seed)

    verdict = harness.judged(chosen)

    if verdict.faults:
        pytest.fail(told(harness, seed, chosen, verdict.faults), pytrace=False)
    assert len(chosen) >= 15
    assert verdict.touched * 2 <= verdict.units, "too many records are touched to prove anything"


def told(harness, seed: int, chosen, faults: list) -> str:
    """The faults of a world, and the replacements that the first of them is left with."""
    flow, kind, _ = faults[0]
    flows = [flow] if flow else []

    def fails(some) -> bool:
        return any(fault[:2] == (flow, kind) for fault in harness.judged(some, *flows).faults)

    lines = [f"seed {seed}: {len(faults)} faults", *(f"  {fault.text[:600]}" for fault in faults[:8])]
    return "\n".join([*lines, "the first remains with", *(f"  {one}" for one in shrunk(chosen, fails))])
