"""Two workers whose clocks differ, a source that is edited, deleted, re-created and restored, reads that break: in the end the
live rows of the raw table are the rows of the source.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from prospect_to_cash.errors import P2CError
from tests.cards import changed
from tests.extract.harness import COMPARE, DELTA
from tests.extract.source import Source, account_id

pytestmark = pytest.mark.slow

NUMBERS = st.integers(0, 6)
MINUTES = (0, 10, -10)
EDITS = st.tuples(st.sampled_from(("put", "delete", "delete", "back up", "restore")), NUMBERS)
STEPS = st.fixed_dictionaries(
    {
        "edits": st.lists(EDITS, max_size=3),
        "worker": st.sampled_from((0, 1)),
        "kind": st.sampled_from(("scheduled", "scheduled", "full", "backfill")),
        "breaks_at": st.sampled_from((None, None, 1, 2, 3, 5)),
        "meanwhile": st.lists(
            st.tuples(st.integers(1, 4), st.tuples(st.sampled_from(("put", "delete", "delete")), NUMBERS)), max_size=2
        ),
    }
)  # fmt: skip


RESTORED_DURING_A_FULL_READ = [
    {},
    {"edits": [("restore", 0), ("put", 0)], "breaks_at": 3},
    {"edits": [("restore", 0)]},
]
DELETED_DURING_THE_FIRST_READ = [{"meanwhile": [(2, ("delete", 0))]}]


class Play:
    """One schedule against a source of its own."""

    def __init__(self, source: Source, extract, read) -> None:
        self.source, self.extract, self.read = source, extract, read
        self.edits = 0
        for number in range(5):
            source.put(number, name=f"{number}")
        self.backup = source.backup()
        self.answered = source.page
        source.page = self.page
        self.meanwhile: list = []
        self.began_at = 0

    def page(self, query):
        """The answer, after which the edits that were planned for this page happen."""
        made = self.answered(query)
        number = len(self.source.reads) - self.began_at
        for at, edit in self.meanwhile:
            if at == number:
                self.do(edit)
        return made

    def do(self, edit) -> None:
        what, number = edit
        self.edits += 1
        self.source.pass_time(seconds=5)
        if what == "put":
            self.source.put(number, name=f"{number} edit {self.edits}")
        elif what == "delete" and account_id(number) in self.source.rows:
            self.source.delete(number)
        elif what == "back up":
            self.backup = self.source.backup()
        elif what == "restore":
            self.source.restore(self.backup)

    def run(self, edits=(), worker=0, kind="scheduled", breaks_at=None, meanwhile=()) -> bool:
        """Whether the read came to its end."""
        for edit in edits:
            self.do(edit)
        self.source.pass_time(minutes=1)
        self.meanwhile, self.began_at = list(meanwhile), len(self.source.reads)
        self.source.fault = lambda page: 500 if page - self.began_at == breaks_at else None
        whole = {"kind": "manual", "full": True} if kind == "full" else {"kind": kind}
        try:
            self.extract(
                read=self.read,
                clock=timedelta(minutes=MINUTES[1 + worker]),
                start=self.source.now - timedelta(hours=1),
                end=self.source.now,
                force=True,
                **whole,
            )
        except P2CError:
            return False
        finally:
            self.source.fault, self.meanwhile = (lambda page: None), []
        return True


@pytest.mark.parametrize("speaks_from", ["first", "last"])
@pytest.mark.parametrize("read", [DELTA, changed(COMPARE, version=None)], ids=["delta", "compare"])
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(schedule=RESTORED_DURING_A_FULL_READ)
@example(schedule=DELETED_DURING_THE_FIRST_READ)
@given(schedule=st.lists(STEPS, min_size=1, max_size=6))
def test_in_the_end_the_live_rows_are_the_rows_of_the_source(
    raw, extract, source, read, speaks_from, schedule
):
    source.new_organization()
    source.token_speaks_from = speaks_from
    play = Play(source, extract, read)
    try:
        for step in schedule:
            if read is DELTA or step.get("kind") != "backfill":
                play.run(**step)
        assert play.run(worker=1)
        assert play.run(worker=0)
    finally:
        source.page = play.answered

    assert raw.names == {int(key[:8]): row["name"] for key, row in source.rows.items()}
