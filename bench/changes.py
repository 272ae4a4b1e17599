"""Changes a share of the accounts in Sales through the Web API, as users do."""

import json

from bench.errors import BenchError
from local.stand_ins import CLIENT_ID, CLIENT_SECRET, StandIns
from prospect_to_cash.clients import Credentials, DataverseClient, Operation

BATCH = 500


def sales_client(servers: StandIns) -> DataverseClient:
    """A client of the Sales stand-in."""
    credentials = Credentials(servers.tenant_id, CLIENT_ID, CLIENT_SECRET, authority=servers.sales_url)
    return DataverseClient(servers.sales_url, credentials)


def change_accounts(servers: StandIns, share: float, text: str) -> int:
    """Change the second street line of a share of the active accounts, in batches of 500; return their number."""
    with sales_client(servers) as client:
        ids = [
            json.loads(row)["accountid"]
            for page in client.pages(
                "accounts", ["accountid"], "statecode eq 0", ["accountid"], page_size=5000
            )
            for row in page.rows
        ]
        chosen = ids[:: max(1, round(1 / share))]
        body = json.dumps({"address1_line2": f"Floor {text}"}).encode()
        for start in range(0, len(chosen), BATCH):
            batch = [
                Operation("PATCH", "accounts", guid, body, if_match="*")
                for guid in chosen[start : start + BATCH]
            ]
            refused = [answer for answer in client.write(batch, deadline=100) if answer.kind != "done"]
            if refused:
                raise BenchError(
                    f"{len(refused)} changes were refused; the first error: {refused[0].sentence}"
                )
    return len(chosen)
