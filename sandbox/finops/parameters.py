"""Switches of the F&O application that decide what a write may do: number sequences and module parameters."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.finops.package.switches import Switches


@dataclass(frozen=True, slots=True)
class Parameters:
    """The state of the switches in a new environment.

    `manual_party_numbers`: the party number sequence lets a caller choose a number (off; that sending one
    works when it is on is assumed). `manual_quotation_numbers`: the same for quotations, on, as the setup of
    prospect to cash asks for. `delivery_date_control`: Accounts receivable parameters > Shipments > Delivery
    date control is not None, so that shipping dates in the past are refused; off, as that setup asks for.
    `packages`: those of data management.
    """

    manual_party_numbers: bool = False
    manual_quotation_numbers: bool = True
    delivery_date_control: bool = False
    packages: Switches = field(default_factory=Switches)
