"""The one error of this package: something on this machine that a person has to change."""


class LocalError(Exception):
    """One sentence that says what is wrong and what to change; shown without a traceback."""
