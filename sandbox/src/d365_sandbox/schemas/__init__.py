"""What each entity of both systems consists of: field lists as CSV files, and their readers.

`read_sales` and `read_finops` give the described entities; their fields bear the names of the wire.
"""

from d365_sandbox.schemas.dataverse_lists import read_sales
from d365_sandbox.schemas.entity import Entity, Field
from d365_sandbox.schemas.finops_lists import read_finops

__all__ = ["Entity", "Field", "read_finops", "read_sales"]
