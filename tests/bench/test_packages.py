import pytest

from bench.packages import dags_by_package
from prospect_to_cash.flow_card import load_cards
from tests.world import ROOT


@pytest.fixture
def accounts(tmp_path):
    """The card of accounts for measurements with packages."""
    dags = dags_by_package(ROOT / "dags", tmp_path / "dags")
    cards = load_cards(dags / "flows", ROOT / "dbt_project")
    return next(card for card in cards if card.name == "accounts")


def test_the_changed_card_is_valid_and_reads_and_creates_customers_by_package(accounts):
    (read,) = [read for read in accounts.reads if read.entity == "CustomersV3"]
    by_package = [write.name for write in accounts.writes if write.package]

    assert (read.strategy, read.package.full_group) == ("package", "Export Customers V3")
    assert by_package == ["accounts"]
