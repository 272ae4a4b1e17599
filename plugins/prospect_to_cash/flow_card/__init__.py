"""What a card of ``dags/flows`` may say, and how the cards are read.

The models of ``card``, ``reads`` and ``writes`` are the reference: the sentences of ``errors``, the JSON schema and the
tables of ``docs/add_a_flow.md`` are made from their descriptions. ``folder`` reads the files. No table is written here.
"""

from prospect_to_cash.flow_card.card import Document, FlowCard, SafetyLimit
from prospect_to_cash.flow_card.errors import CardError
from prospect_to_cash.flow_card.folder import load_cards
from prospect_to_cash.flow_card.reads import (
    CompareRead,
    DeltaRead,
    PackageExport,
    PackageRead,
    Read,
    WindowRead,
    snake,
)
from prospect_to_cash.flow_card.sources import source_columns
from prospect_to_cash.flow_card.values import SYSTEMS
from prospect_to_cash.flow_card.writes import PackageImport, Write

__all__ = [
    "SYSTEMS",
    "CardError",
    "CompareRead",
    "DeltaRead",
    "Document",
    "FlowCard",
    "PackageExport",
    "PackageImport",
    "PackageRead",
    "Read",
    "SafetyLimit",
    "WindowRead",
    "Write",
    "load_cards",
    "snake",
    "source_columns",
]
