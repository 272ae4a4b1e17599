"""Sending one request of a list of writes within the time of the whole list."""

from collections.abc import Callable
from dataclasses import dataclass

from prospect_to_cash.boottime import boottime
from prospect_to_cash.clients.http.transport import AnswerLost, NotSent, Reply, TooLarge, TooLate
from prospect_to_cash.clients.odata.answers import answer_for_all, fault_of, read_error
from prospect_to_cash.clients.odata.batch import Part
from prospect_to_cash.clients.odata.operations import Answer
from prospect_to_cash.clients.odata.session import Session
from prospect_to_cash.errors import P2CError, Unavailable


@dataclass(frozen=True)
class Unanswered:
    """A request without an answer of the service to its content.

    `answer` holds for all its operations; None when nothing left. With `go_on` false nothing more should be tried.
    """

    answer: Answer | None = None
    go_on: bool = True


class Sender:
    """Sends the requests of one list of writes.

    `reached` says that something may have been executed, or that the answers say why nothing was: from then on
    nothing is raised. Until then `problem` is the error to raise.
    """

    def __init__(self, session: Session, deadline: float, valid_until: float | None) -> None:
        self._session = session
        self._ends = boottime() + deadline
        self._valid_until = valid_until
        self.reached = False
        self.problem: P2CError = Unavailable(
            f"{session.host}: {deadline:.0f} seconds are too short to send anything."
        )

    @property
    def seconds_left(self) -> float:
        return self._ends - boottime()

    def send(self, request: Callable[[], Part], attempt: int) -> Reply | Unanswered:
        """The answer to a request, which is composed after all waits; `attempt` counts earlier rounds."""
        session = self._session
        if self.seconds_left <= 0:
            self.problem = Unavailable(f"{session.host}: time ran out before this write was sent.")
            return Unanswered(go_on=False)
        try:
            session.clock.wait(self.seconds_left)
            part = request()
            seconds = min(session.deadline, self.seconds_left)
            reply = session.send(part.method, part.url, part.headers, part.body, seconds, self._valid_until)
        except P2CError as error:
            return self._unanswered(error)
        if session.throttled(reply.status, reply.headers, attempt):
            return Unanswered(answer_for_all("not_run", reply))
        if reply.status == 401 or 300 <= reply.status < 400:
            self.problem = read_error(session.host, fault_of(reply), "the write")
            return Unanswered(go_on=False)
        self.reached = True
        return reply

    def _unanswered(self, error: P2CError) -> Unanswered:
        if isinstance(error, AnswerLost | TooLarge):
            self.reached = True
            return Unanswered(Answer("unknown", sentence=str(error)))
        self.problem = error
        if isinstance(error, TooLate):
            self.reached = True
            return Unanswered(go_on=False)
        return Unanswered(go_on=isinstance(error, NotSent))  # else there is no token, or a wait is too long
