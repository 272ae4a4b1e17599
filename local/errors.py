"""The error of this package."""


class LocalError(Exception):
    """Something on this machine that a person must change: one sentence, shown without a traceback."""
