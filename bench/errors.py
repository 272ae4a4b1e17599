"""Why a measurement cannot be made."""


class BenchError(Exception):
    """One sentence for the person who measures."""
