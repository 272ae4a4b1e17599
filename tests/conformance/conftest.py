"""The sandboxes of tests/sandbox, for tests that name the section of the fact sheet they hold to."""

from tests.sandbox.conftest import catalog, finops, new_product, running, sales

__all__ = ["catalog", "finops", "new_product", "running", "sales"]
