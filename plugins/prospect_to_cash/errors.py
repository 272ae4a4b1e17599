"""Errors named by what the caller does next.

Every message is one sentence that a user can act on; it names hosts, sets and keys, never a body, a token or
a secret.
"""


class P2CError(Exception):
    """Base of all errors that this package raises on purpose."""


class Throttled(P2CError):
    """The service asked to wait longer than the caller allows: come back after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(P2CError):
    """The service could not be reached or did not answer properly: run the task again later."""


class Misconfigured(P2CError):
    """Nothing will work before a person changes something: stop and say what."""


class Refused(Misconfigured):
    """The service refuses a question for good, with this status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Expired(Unavailable):
    """The service no longer knows the place from which a read should go on: begin anew."""


class Stopped(P2CError):
    """What a run is about to do is so much that a person has to release it: stop and say what it saw."""
