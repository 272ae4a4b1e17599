"""The next full read notices records that a user has deleted in F&O, even if their key has several fields."""

import pytest

pytestmark = pytest.mark.slow


def test_a_quotation_line_that_a_user_deleted_becomes_a_tombstone(world):
    for flow in ("products", "accounts", "contacts", "quotes"):
        world.run(flow)
    world.run("quotes", full=True)
    line = world.finops.rows("CDSSalesQuotationLines", top="1")[0]
    key = (
        f"dataAreaId='{line['dataAreaId']}',SalesQuotationNumber='{line['SalesQuotationNumber']}',"
        f"LineCreationSequenceNumber={line['LineCreationSequenceNumber']}"
    )
    world.finops.send("DELETE", f"CDSSalesQuotationLines({key})")

    world.run("quotes", full=True)

    deleted = world.sql(
        "select payload ->> 'SalesQuotationNumber' from raw.finops_cds_sales_quotation_lines where deleted_at is not null"
    )
    assert deleted == [(line["SalesQuotationNumber"],)]
