"""The database that the raw tables are tested with."""

from tests.extract.raw.conftest import loader, migrated

__all__ = ["loader", "migrated"]
