"""What somebody deletes in F&O by hand is noticed by the next full read, whatever its key is made of."""

import pytest

pytestmark = pytest.mark.slow


def test_a_quotation_line_that_was_deleted_by_hand_becomes_a_tombstone(world):
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

    buried = world.sql(
        "select payload ->> 'SalesQuotationNumber' from raw.finops_cds_sales_quotation_lines where deleted_at is not null"
    )
    assert buried == [(line["SalesQuotationNumber"],)]
