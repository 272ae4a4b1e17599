"""Local stand-ins of Dynamics 365 Sales and of Finance and Operations, which speak their protocols on 127.0.0.1.

Public are the names below, `d365_sandbox.records` (generated records and folders of CSVs), `d365_sandbox.schemas`
(the fields of every entity), the command `d365-sandbox`, the pytest fixtures, and what is served over HTTP.
"""

from d365_sandbox.testing.admin_client import AdminClient, AdminError
from d365_sandbox.testing.home import CARD, NOTES
from d365_sandbox.testing.http import Answer
from d365_sandbox.testing.process import Sandbox, SandboxError
from d365_sandbox.testing.system import System

__all__ = ["CARD", "NOTES", "AdminClient", "AdminError", "Answer", "Sandbox", "SandboxError", "System"]
