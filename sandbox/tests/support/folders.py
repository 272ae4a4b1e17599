"""Small folders of CSVs, and what loading them gives."""

import csv
from collections import defaultdict

import pytest

from d365_sandbox.records import RecordsError, load_folder

ACCOUNT = {
    "account_number": "AW00000585",
    "name": "Next-Door Bike Store",
    "phone": "398-555-0132",
    "address_line1": "Mall Of Memphis",
    "address_line2": "",
    "city": "Memphis",
    "state_name": "Tennessee",
    "postal_code": "38103",
    "country_name": "United States",
    "annual_revenue": "80000",
    "employees": "13",
    "currency_code": "USD",
    "modified_at": "2025-09-11 11:15:07.497",
}

PRODUCT = {
    "product_number": "FR-R92B-58",
    "name": "HL Road Frame - Black, 58",
    "color": "Black",
    "size": "58",
    "standard_cost": "1059.3100",
    "list_price": "1431.5000",
    "sales_uom": "EA",
    "sell_start": "2019-04-30",
    "sell_end": "",
    "is_sellable": "true",
}

ORDER = {
    "order_number": "SO1",
    "account_number": "AW00000585",
    "currency_code": "USD",
    "ship_to_line1": "99700 Bell Road",
    "ship_to_city": "Auburn",
    "ship_to_state": "California",
    "ship_to_postal_code": "95603",
    "ship_to_country": "United States",
}

LINE = {
    "order_number": "SO1",
    "line_number": "1",
    "product_number": "FR-R92B-58",
    "quantity": "6",
    "unit_price": "112.998",
    "discount_fraction": "0.4",
    "line_total": "406.7928",
}

CONTACT = {
    "contact_id": "293",
    "account_number": "AW00000585",
    "title": "Ms.",
    "first_name": "Catherine",
    "middle_name": "R.",
    "last_name": "Abel",
    "suffix": "",
    "job_role": "Owner",
    "email": "catherine0@adventure-works.com",
    "phone": "747-555-0171",
}


def write(path, rows, encoding="utf-8", delimiter=","):
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def small_folder(path):
    """A folder that loads: one account, one product, two units, three currencies."""
    write(path / "accounts.csv", [ACCOUNT])
    write(path / "products.csv", [PRODUCT])
    write(path / "units_of_measure.csv", [{"code": "BOX", "name": "Boxes"}, {"code": "EA", "name": "Each"}])
    write(
        path / "currencies.csv",
        [
            {"code": "USD", "name": "US Dollar"},
            {"code": "AFA", "name": "Afghani"},
            {"code": "EUR", "name": "EURO"},
        ],
    )
    return path


def loaded(folder):
    sets = defaultdict(list)
    for _, entity_set, row in load_folder(folder):
        sets[entity_set].append(row)
    return sets


def refusal(folder):
    with pytest.raises(RecordsError) as error:
        load_folder(folder)
    return str(error.value)
