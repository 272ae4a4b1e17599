"""Data management of a sandbox with two companies."""

import pytest

from support.packing import DataManagement
from support.quoting import set_up


@pytest.fixture(scope="module")
def stocked(finops):
    """What quotations and orders need: companies, customers, products."""
    return set_up(finops)


@pytest.fixture(scope="module")
def dmf(finops):
    return DataManagement(finops)


@pytest.fixture
def switches(dmf):
    """Sets switches for one test."""
    before = dmf.admin("GET", "switches")

    def change(**given):
        dmf.admin("PUT", "switches", given)

    yield change
    dmf.admin("PUT", "switches", before)


@pytest.fixture
def clock(dmf):
    """Moves the clock for one test."""
    yield dmf.clock
    dmf.clock(0)
