"""Sample records for the two stand-ins: generated from a seed, or loaded from a folder of CSV files."""

from sandbox.records.folder import FolderRecords, load_folder
from sandbox.records.generate import generate
from sandbox.records.shapes import FINOPS, SALES, Record, RecordsError, Row

__all__ = ["FINOPS", "SALES", "FolderRecords", "Record", "RecordsError", "Row", "generate", "load_folder"]
