"""What reads with change tracking have in common: keeping the link, and what happened meanwhile."""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.clients.pages import Page
from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.stores import change_link
from prospect_to_cash.stores.coverage import Reading
from prospect_to_cash.stores.raw_store import Landed
from prospect_to_cash.strategies.extraction import Extraction
from prospect_to_cash.window import Window


def keep_link(job: Extraction, cursor: Cursor, page: Page, reading: Reading) -> None:
    """Store the link that the last page brings; without one nothing would ever go on."""
    if not page.delta_link:
        raise Misconfigured(
            f"{job.client.host} names no link to later changes of {job.read.entity}: turn change tracking on "
            "for the table, or give the card strategy `window`."
        )
    settled = reading.kind == "changes"
    change_link.keep(cursor, job.env_id, job.read.entity, job.shape, page.delta_link, settled)


def land_meanwhile(job: Extraction, reading: Reading) -> Landed:
    """What changed while everything was read.

    Assumed: no document says whether the link speaks from the first page on or from the last; this is right
    for both.
    """
    assert reading.window is not None
    since = Window(reading.window.end, max(job.newest(), reading.window.end + job.STEP))
    return job.land(job.pages(since.reaching_back(job.STEP)), lambda cursor, page: None, reading.read_id)
