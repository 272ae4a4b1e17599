"""Parts of every read with change tracking: storing the link, and finding what changes or goes during a full read.

No document says whether a link tells what has happened since the first page of its read or since the last. Both are read
right: until the last page, changes are found by their time, and deletions because their keys are not met again.
"""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.clients.odata.pages import Page
from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.extract import change_link
from prospect_to_cash.extract.coverage import Reading
from prospect_to_cash.extract.extraction import Extraction, ahead
from prospect_to_cash.extract.landing import prepare
from prospect_to_cash.extract.lookups import confirmations
from prospect_to_cash.extract.raw_table import Landed
from prospect_to_cash.extract.window import Window


def store_link(job: Extraction, cursor: Cursor, page: Page, reading: Reading) -> None:
    """Store the link of the last page. Raises Misconfigured when the page has none."""
    if not page.delta_link:
        raise Misconfigured(
            f"{job.client.host} returns no link to later changes of {job.read.entity}: turn change tracking on "
            "for the table, or give the card strategy `window`."
        )
    settled = reading.kind == "changes"
    change_link.store(cursor, job.env_id, job.read.entity, job.select_hash, page.delta_link, settled)


def land_changes_during(job: Extraction, reading: Reading) -> Landed:
    """Land what has changed while a full read was under way."""
    assert reading.window is not None
    since = Window(reading.window.end, max(job.newest(), reading.window.end + job.STEP))
    return job.land(job.pages(since.reaching_back(job.STEP)), lambda cursor, page: None, reading.read_id)


def meet_all_again(job: Extraction, reading: Reading) -> Landed:
    """Note the keys that the source has after it issued the link, in place of those that the pages of the read met.

    A record that was on a page and was deleted before the link was issued is then one that the read has not met; a later
    deletion is reported by the link. A record that has another version now than the one stored is looked up: the source may
    have been restored between two pages. A read of one page got its records and its link in one answer.
    """
    if job.coverage.pages_of(reading) <= 1:
        return Landed()
    job.coverage.forget_seen(reading)
    for arrival in ahead(prepare(page, job.read) for page in job.key_pages()):
        job.table.note_seen(arrival, reading.read_id)
    differing = job.table.keys_with_another_version(reading.read_id)
    return job.land(confirmations(job, differing), lambda cursor, page: None, reading.read_id)
