"""The error of this package."""


class BenchError(Exception):
    """Why a measurement is not possible, in one sentence."""
