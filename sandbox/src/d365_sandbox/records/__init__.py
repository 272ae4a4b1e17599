"""Sample records for the two stand-ins: generated from a seed, or loaded from a folder of CSV files."""

from d365_sandbox.records.folder import FolderRecords, load_folder
from d365_sandbox.records.generate import generate
from d365_sandbox.records.reference import BUSINESS_UNITS
from d365_sandbox.records.shapes import FINOPS, SALES, Record, RecordsError, Row
from d365_sandbox.records.special_contacts import SPECIAL_CONTACTS
from d365_sandbox.records.special_quotes import SPECIAL_QUOTES

__all__ = [
    "BUSINESS_UNITS",
    "FINOPS",
    "SALES",
    "SPECIAL_CONTACTS",
    "SPECIAL_QUOTES",
    "FolderRecords",
    "Record",
    "RecordsError",
    "Row",
    "generate",
    "load_folder",
]
