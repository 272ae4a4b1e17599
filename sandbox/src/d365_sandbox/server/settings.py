"""The settings of a sandbox, from the command line and SANDBOX_* variables."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from d365_sandbox.dataverse.options import SalesOptions, add_arguments, options_of
from d365_sandbox.finops.parameters import Parameters
from d365_sandbox.finops.switches import Switches, from_text
from d365_sandbox.identity.clients import Client
from d365_sandbox.server.access import Access, read_access

TENANT_ID = "00000000-0000-4000-8000-000000000001"
CLIENT_ID = "sandbox"
CLIENT_SECRET = "sandbox-secret"  # documented; it opens nothing but the sandbox
TENANT_NAME = "sandbox.example"  # the tenant's domain, by which some clients name it


class SettingsError(ValueError):
    """A setting cannot be used; the message says which and what to write instead."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One sandbox. `alternate_keys` declares keys per Sales set; ports of 0 mean any free port."""

    home: Path
    data: Path | None = None
    accounts: int = 500
    products: int = 200
    contacts: int | None = None
    quotes: int | None = None
    seed: int = 1
    sales_port: int = 8081
    finops_port: int = 8082
    tenant_id: str = TENANT_ID
    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET
    token_seconds: int = 3599
    admin_token: str = ""
    default_company: str = "usmf"
    alternate_keys: Mapping[str, tuple[tuple[str, ...], ...]] | None = None
    finops: Parameters = field(default_factory=Parameters)
    sales: SalesOptions = field(default_factory=SalesOptions)
    access: Access = field(default_factory=Access)

    def clients(self) -> tuple[Client, ...]:
        """Every application that may ask for tokens, the usual one first."""
        first = Client(
            self.client_id,
            self.client_secret,
            self.access.certificate,
            self.client_id not in self.access.strangers,
            self.client_id not in self.access.without_roles,
        )
        return (first, *self.access.more_clients)


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the command line and SANDBOX_* variables. Raises SettingsError."""
    parser = argparse.ArgumentParser(prog="d365-sandbox serve", description=__doc__)
    home = Path(environment.get("SANDBOX_HOME") or ".d365-sandbox")
    parser.add_argument(
        "--home", type=Path, default=home, help="folder of the sandbox's state (default %(default)s)"
    )
    parser.add_argument("--data", type=Path, help="folder of CSVs to start with instead of generated records")
    parser.add_argument("--accounts", type=int, default=500, help="generated accounts (default %(default)s)")
    parser.add_argument("--products", type=int, default=200, help="generated products (default %(default)s)")
    parser.add_argument(
        "--contacts", type=int, help="generated contacts (default: in proportion to accounts)"
    )
    parser.add_argument("--quotes", type=int, help="generated quotes (default: in proportion to accounts)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the generator (default %(default)s)")
    parser.add_argument("--sales-port", type=int, default=_number(environment, "SANDBOX_SALES_PORT", 8081))
    parser.add_argument("--finops-port", type=int, default=_number(environment, "SANDBOX_FINOPS_PORT", 8082))
    parser.add_argument(
        "--default-company", default="usmf", help="company of the F&O user (default %(default)s)"
    )
    parser.add_argument(
        "--alternate-key",
        action="append",
        default=[],
        metavar="SET=FIELD[,FIELD]",
        help="declare an alternate key on a Sales table, for example accounts=accountnumber",
    )
    parser.add_argument(
        "--manual-party-numbers", action="store_true", help="F&O takes party numbers of the caller's own"
    )
    parser.add_argument(
        "--automatic-quotation-numbers",
        action="store_true",
        help="F&O refuses quotation numbers of the caller's own",
    )
    parser.add_argument(
        "--delivery-date-control", action="store_true", help="F&O refuses shipping dates in the past"
    )
    parser.add_argument(
        "--finops",
        action="append",
        default=[],
        metavar="PARAMETER=VALUE",
        help="set another parameter of F&O, for example language=de or update_conflicts=true",
    )
    parser.add_argument(
        "--package-switch",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a switch of F&O's data management, for example run_seconds=5",
    )
    add_arguments(parser)
    given = parser.parse_args(arguments)
    if given.data is not None and not given.data.is_dir():
        raise SettingsError(
            f"The data folder {given.data} does not exist: name a folder of CSV files with --data."
        )
    return Settings(
        home=given.home,
        data=given.data,
        accounts=given.accounts,
        products=given.products,
        contacts=given.contacts,
        quotes=given.quotes,
        seed=given.seed,
        sales_port=given.sales_port,
        finops_port=given.finops_port,
        tenant_id=(environment.get("SANDBOX_TENANT_ID") or TENANT_ID).lower(),
        client_id=environment.get("SANDBOX_CLIENT_ID") or CLIENT_ID,
        client_secret=environment.get("SANDBOX_CLIENT_SECRET") or CLIENT_SECRET,
        token_seconds=_number(environment, "SANDBOX_TOKEN_SECONDS", 3599),
        admin_token=environment.get("SANDBOX_ADMIN_TOKEN", ""),
        default_company=given.default_company.lower(),
        alternate_keys=_keys(given.alternate_key),
        finops=_parameters(
            Parameters(
                manual_party_numbers=given.manual_party_numbers,
                manual_quotation_numbers=not given.automatic_quotation_numbers,
                delivery_date_control=given.delivery_date_control,
                packages=_switches(given.package_switch),
            ),
            given.finops,
        ),
        access=_access(environment),
        sales=options_of(given),
    )


def _access(environment: Mapping[str, str]) -> Access:
    try:
        return read_access(environment)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdigit():
        raise SettingsError(f"{name} is '{text}': write a whole number.")
    return int(text)


def _switches(assignments: list[str]) -> Switches:
    try:
        return from_text(assignments)
    except ValueError as error:
        raise SettingsError(f"--package-switch {error}") from None


def _keys(declared: Sequence[str]) -> dict[str, tuple[tuple[str, ...], ...]]:
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for text in declared:
        set_name, mark, names = text.partition("=")
        if not mark or not names:
            raise SettingsError(f"--alternate-key {text}: write SET=FIELD or SET=FIELD,FIELD.")
        found[set_name] = (*found.get(set_name, ()), tuple(names.split(",")))
    return found


def _parameters(parameters: Parameters, declared: Sequence[str]) -> Parameters:
    """The parameters with those of the command line, whose values are JSON or plain text."""
    for text in declared:
        name, mark, value = text.partition("=")
        if not mark:
            raise SettingsError(f"--finops {text}: write PARAMETER=VALUE.")
        try:
            read: object = json.loads(value)
        except ValueError:
            read = value
        try:
            parameters = parameters.changed({name: read})
        except ValueError as error:
            raise SettingsError(f"--finops {text}: {error}") from None
    return parameters
