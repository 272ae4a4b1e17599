"""Sandboxes for the conformance suite: those of the sandbox's own tests."""

from tests.sandbox.conftest import catalog, finops, new_product, running, sales

__all__ = ["catalog", "finops", "new_product", "running", "sales"]
