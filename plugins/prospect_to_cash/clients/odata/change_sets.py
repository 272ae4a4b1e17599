"""Sending change sets: operations of `$batch` that are executed together or not at all.

OData 4.0 part 1, section 11.7. A change set that succeeds is answered part by part; one that fails has a single
answer, in place of all (F&O) or as the only part of its multipart (Dataverse), which may name the part at fault
by its Content-ID. Operations are numbered from 1 through all change sets of a batch.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from prospect_to_cash.clients.http.transport import Reply
from prospect_to_cash.clients.odata.answers import answer_for_all, answer_of, read_fault, request_id_of
from prospect_to_cash.clients.odata.batch import (
    Part,
    PartReply,
    batch_request,
    compose,
    compose_sets,
    parse_sections,
)
from prospect_to_cash.clients.odata.etags import REQUIRED, RequiredEtags
from prospect_to_cash.clients.odata.operations import Answer, Operation, SetAnswer, SetKind
from prospect_to_cash.clients.odata.pages import Garbled
from prospect_to_cash.clients.odata.sending import Sender
from prospect_to_cash.clients.odata.session import Session

log = logging.getLogger(__name__)


class SetWriter:
    """Sends change sets within one total deadline and collects an answer for each."""

    def __init__(
        self,
        session: Session,
        sets: Sequence[Sequence[Operation]],
        deadline: float,
        valid_until: float | None = None,
    ) -> None:
        if not all(sets):
            raise ValueError("A change set needs at least one operation.")
        self._session = session
        self._sets = sets
        self._starts = [sum(len(each) for each in sets[:index]) for index in range(len(sets))]
        self._sender = Sender(session, deadline, valid_until)
        self._answers: list[SetAnswer | None] = [None] * len(sets)
        self._etags = RequiredEtags(session)
        self._asked = False  # whether the service takes batches at all

    def run(self) -> list[SetAnswer]:
        retry = self._session.retry
        pending = list(range(len(self._sets)))
        for attempt in range(retry.attempts):
            for group in self._groups(pending):
                if not self._send(group, attempt):
                    return self._result()
            pending = [index for index in pending if self._may_go_again(index)]
            if not pending:
                break
            time.sleep(max(min(retry.pause(attempt), self._sender.seconds_left), 0))
        return self._result()

    def _groups(self, pending: Sequence[int]) -> Iterator[list[int]]:
        """Change sets that go in one batch; none is divided."""
        group: list[int] = []
        size = 0
        for index in pending:
            if group and size + len(self._sets[index]) > self._session.largest_batch:
                yield group
                group, size = [], 0
            group.append(index)
            size += len(self._sets[index])
        if group:
            yield group

    def _may_go_again(self, index: int) -> bool:
        answer = self._answers[index]
        return answer is None or (answer.kind == "not_run" and not answer.batches_refused)

    def _result(self) -> list[SetAnswer]:
        sender = self._sender
        if self._sets and not sender.reached and not any(self._answers):
            raise sender.problem
        unsent = Answer("not_run", sentence=str(sender.problem))
        return [answer or self._same(index, unsent) for index, answer in enumerate(self._answers)]

    def _same(self, index: int, answer: Answer) -> SetAnswer:
        """A change set whose operations all have one answer: `not_run` or `unknown`."""
        kind: SetKind = "unknown" if answer.kind == "unknown" else "not_run"
        return SetAnswer(kind, [answer] * len(self._sets[index]))

    def _send(self, group: Sequence[int], attempt: int) -> bool:
        """Send change sets as one batch and note their answers. False: nothing more should be tried."""
        if not self._session.accepts_batches:
            return self._note_no_batches(group)
        outcome = self._sender.send(lambda: self._request(group), attempt)
        if isinstance(outcome, Reply):
            return self._read(group, outcome, attempt)
        if outcome.answer:
            self._note_same(group, outcome.answer)
        return outcome.go_on

    def _request(self, group: Sequence[int]) -> Part:
        parts = [
            [
                self._session.write_part(self._etags.applied(place, operation))
                for place, operation in enumerate(self._sets[index], self._starts[index])
            ]
            for index in group
        ]
        return batch_request(self._session.api_root, *compose_sets(parts))

    def _read(self, group: Sequence[int], reply: Reply, attempt: int) -> bool:
        try:
            sections, complete = parse_sections(reply.headers.get("Content-Type", ""), reply.body)
        except Garbled:
            return self._read_refusal(group, reply, attempt)
        found = self._assigned(group, sections)
        last = max((place for place, section in enumerate(found) if section is not None), default=0)
        # A batch stops at a failure, which is its last answer. Anything else may have been executed.
        stopped = complete and any(part.status >= 400 for part in found[last] or ())
        for place, (index, section) in enumerate(zip(group, found, strict=True)):
            if section is None:
                whole = answer_for_all("not_run" if stopped and place > last else "unknown", reply)
                sentence = "The answer to the batch lacks this change set."
                self._note_same([index], replace(whole, sentence=sentence))
            else:
                self._answers[index] = self._set_answer(index, section, reply, attempt)
        return True

    def _assigned(
        self, group: Sequence[int], sections: Sequence[Sequence[PartReply]]
    ) -> list[list[PartReply] | None]:
        """The answers of each change set, with Content-IDs counted from 1 within it; None where there are none.

        A section belongs to the change set that one of its Content-IDs names, else to the next one. Two sections
        for one change set contradict each other: they become an empty one, which says nothing.
        """
        owners = [place for place, index in enumerate(group) for _ in self._sets[index]]
        found: list[list[PartReply] | None] = [None] * len(group)
        place = 0
        for section in sections:
            numbers = [number for reply in section if (number := reply.number(len(owners)))]
            place = owners[numbers[0] - 1] if numbers else place
            if place < len(group):
                first = owners.index(place)
                known = [_renumbered(reply, len(owners), first) for reply in section]
                found[place] = known if found[place] is None else []
            place += 1
        return found

    def _set_answer(self, index: int, section: Sequence[PartReply], reply: Reply, attempt: int) -> SetAnswer:
        operations = self._sets[index]
        failed = next((part for part in section if part.status >= 300), None)
        if failed is not None:
            self._session.throttled(failed.status, failed.headers, attempt)
            return self._failed(index, failed, reply)
        parts: list[PartReply | None] = [None] * len(operations)
        for at, part in enumerate(section):
            place = (part.number(len(operations)) or at + 1) - 1
            if place < len(parts):
                parts[place] = part
        answers = [
            self._answer(operation, part, reply)
            for operation, part in zip(operations, parts, strict=True)
            if part is not None
        ]
        if len(answers) == len(operations) == len(section) and all(each.kind == "done" for each in answers):
            return SetAnswer("done", answers)
        lacking = Answer(
            "unknown", reply.status, sentence="The answer to the change set is not complete.",
            request_id=request_id_of(reply.headers),
        )  # fmt: skip
        return self._same(index, lacking)

    def _failed(self, index: int, failed: PartReply, reply: Reply) -> SetAnswer:
        """The answer of a change set that has a single answer, an error.

        Where the service does not name the part at fault, the error may be that of any.
        """
        operations = self._sets[index]
        place = failed.number(len(operations)) - 1 if len(operations) > 1 else 0
        answers = self._judged(index, range(len(operations)) if place < 0 else [place], failed, reply)
        same = next((each for kind in ("unknown", "not_run") for each in answers if each.kind == kind), None)
        if same:
            return self._same(index, same)
        if place < 0:
            return SetAnswer("refused", [replace(answers[0], kind="not_run")] * len(operations))
        undone = Answer("not_run", sentence="Undone, because another part of the change set was refused.")
        each = [answers[0] if at == place else undone for at in range(len(operations))]
        return SetAnswer("refused", each, refused_part=place)

    def _judged(self, index: int, suspects: Sequence[int], failed: PartReply, reply: Reply) -> list[Answer]:
        """What an error means for each part that may have caused it. If etags are required, all parts get them."""
        start, operations = self._starts[index], self._sets[index]
        answers = [
            self._etags.judged(start + at, operations[at], self._answer(operations[at], failed, reply))
            for at in suspects
        ]
        if failed.status == REQUIRED:
            for at, operation in enumerate(operations):
                self._etags.require(start + at, operation)
        return answers

    def _answer(self, operation: Operation, part: PartReply, reply: Reply) -> Answer:
        session = self._session
        answer = answer_of(operation, part.status, part.headers, part.body, session.refusal, session.upserts)
        return answer if answer.request_id else replace(answer, request_id=request_id_of(reply.headers))

    def _read_refusal(self, group: Sequence[int], reply: Reply, attempt: int) -> bool:
        """Note a batch that was answered as a whole.

        A refused one is divided until its cause stands alone, unless the service refuses every batch.
        """
        if not 400 <= reply.status < 500 or reply.status == 408:
            self._note_same(group, answer_for_all("unknown", reply))
            return True
        if not self._asked:
            self._asked = True
            if self._takes_no_batches(attempt):
                return self._note_no_batches(group)
        if len(group) > 1:
            middle = len(group) // 2
            return self._send(group[:middle], attempt) and self._send(group[middle:], attempt)
        self._answers[group[0]] = SetAnswer(
            "refused", self._same(group[0], answer_for_all("not_run", reply)).answers
        )
        return True

    def _takes_no_batches(self, attempt: int) -> bool:
        """Whether the service also refuses a batch that only reads, as a whole and for good."""
        session = self._session
        probe = [Part("GET", session.api_root + session.probe, {})]
        outcome = self._sender.send(lambda: batch_request(session.api_root, *compose(probe, False)), attempt)
        if not isinstance(outcome, Reply) or not 400 <= outcome.status < 500 or outcome.status == 408:
            return False
        try:
            parse_sections(outcome.headers.get("Content-Type", ""), outcome.body)
        except Garbled:
            fault = read_fault(outcome.status, outcome.body)
            log.warning("%s refuses batches: %s", session.host, fault.sentence)
            session.accepts_batches = False
        return not session.accepts_batches

    def _note_no_batches(self, group: Sequence[int]) -> bool:
        self._sender.reached = True  # nothing is raised: every change set is answered
        refusal = Answer("not_run", sentence=f"{self._session.host} refuses batches.")
        for index in group:
            self._answers[index] = replace(self._same(index, refusal), batches_refused=True)
        return True

    def _note_same(self, group: Sequence[int], answer: Answer) -> None:
        for index in group:
            self._answers[index] = self._same(index, answer)


def _renumbered(reply: PartReply, count: int, first: int) -> PartReply:
    """The answer with its Content-ID counted from 1 after `first` parts of other change sets."""
    number = reply.number(count)
    return replace(reply, content_id=str(number - first) if number > first else "")
