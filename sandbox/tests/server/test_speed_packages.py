"""What the sandbox imports and exports in packages per second of its own processor time."""

import time

import psutil
import pytest

from support.packing import CUSTOMER, DataManagement, package

pytestmark = pytest.mark.slow
ROWS = 20_000


def rows_per_second(running, dmf, start):
    process = psutil.Process(running.process.pid)
    began = sum(process.cpu_times()[:2])
    execution = start()
    while dmf.state(execution) in ("NotRun", "Executing"):
        time.sleep(0.1)
    assert dmf.state(execution) == "Succeeded"
    return ROWS / (sum(process.cpu_times()[:2]) - began)


def test_customers_are_imported_and_exported_fast(running, finops):
    dmf = DataManagement(finops)
    rows = [(f"C{n:07d}", f"Næst {n}", "10", "USD", "Århus", f"{n} Main Street") for n in range(ROWS)]
    content = package("Customers V3", (*CUSTOMER, "ADDRESSCITY", "ADDRESSSTREET"), *rows)
    assert rows_per_second(running, dmf, lambda: dmf.start_import(content)) > 4000
    assert rows_per_second(running, dmf, lambda: dmf.start_import(content)) > 4000
    assert rows_per_second(running, dmf, lambda: dmf.start_export("Export Customers V3")) > 8000
