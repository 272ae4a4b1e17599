"""Changes a share of the accounts as people in Sales would: by the Web API."""

import json

from bench.errors import BenchError
from local.stand_ins import CLIENT_ID, CLIENT_SECRET, StandIns
from prospect_to_cash.clients import Credentials, DataverseClient, Operation

BATCH = 500


def sales_client(servers: StandIns) -> DataverseClient:
    """A client of the Sales stand-in."""
    who = Credentials(servers.tenant_id, CLIENT_ID, CLIENT_SECRET, authority=servers.sales_url)
    return DataverseClient(servers.sales_url, who)


def change_accounts(servers: StandIns, share: float, mark: str) -> int:
    """Give a share of the active accounts another street line, in batches of 500; return how many."""
    with sales_client(servers) as client:
        ids = [
            json.loads(row)["accountid"]
            for page in client.pages(
                "accounts", ["accountid"], "statecode eq 0", ["accountid"], page_size=5000
            )
            for row in page.rows
        ]
        chosen = ids[:: max(1, round(1 / share))]
        body = json.dumps({"address1_line2": f"Floor {mark}"}).encode()
        for start in range(0, len(chosen), BATCH):
            batch = [
                Operation("PATCH", "accounts", guid, body, if_match="*")
                for guid in chosen[start : start + BATCH]
            ]
            refused = [answer for answer in client.write(batch, deadline=100) if answer.kind != "done"]
            if refused:
                raise BenchError(
                    f"{len(refused)} changes were refused, the first with: {refused[0].sentence}"
                )
    return len(chosen)
