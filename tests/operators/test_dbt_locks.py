"""A task that ran dbt leaves no semaphore behind."""

import subprocess
import sys

BUILD = """
import os, sys
{first}
from dbt.contracts.graph.manifest import Manifest
locks = Manifest()
os._exit(0)
"""
OURS = "from prospect_to_cash.transform.dbt_locks import use_unnamed_locks; use_unnamed_locks()"


def errors_after(first):
    """What the process and its resource tracker, which outlives it a little, write to their one standard error."""
    code = BUILD.format(first=first)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ended.stderr


def test_a_process_that_ends_like_a_task_of_airflow_says_nothing_of_leaked_semaphores():
    assert "leaked semaphore" in errors_after("")
    assert errors_after(OURS) == ""
