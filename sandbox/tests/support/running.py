"""A sandbox in a process of its own, and small clients that speak plain HTTP to it."""

import json
from pathlib import Path

import requests

from d365_sandbox import Sandbox as ServedSandbox

ADMIN = "admin-token-of-the-tests"
SALES = "/api/data/v9.2/"
FINOPS = "/data/"


class Client:
    """One system as one caller sees it: relative paths, JSON bodies."""

    def __init__(self, url: str, root: str, tenant: str, authority: str | None = None):
        self.url, self.root, self.tenant = url, root, tenant
        self.trust = authority or True
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {self.token()}"

    def ask_token(self, **changes):
        form = {
            "grant_type": "client_credentials",
            "client_id": "sandbox",
            "client_secret": "sandbox-secret",
            "scope": f"{self.url}/.default",
        }
        form.update(changes)
        return requests.post(
            f"{self.url}/{self.tenant}/oauth2/v2.0/token", data=form, timeout=10, verify=self.trust
        )

    def token(self) -> str:
        return self.ask_token().json()["access_token"]

    def call(self, method, path, body=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = path if path.startswith("http") else self.url + self.root + path
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            named.setdefault("Content-Type", "application/json")
        return self.session.request(method, url, data=data, headers=named, timeout=30, verify=self.trust)

    def get(self, path, **headers):
        return self.call("GET", path, **headers)

    def post(self, path, body, **headers):
        return self.call("POST", path, body, **headers)

    def patch(self, path, body, **headers):
        return self.call("PATCH", path, body, **headers)

    def delete(self, path, **headers):
        return self.call("DELETE", path, **headers)

    def create(self, set_name, body) -> dict:
        """The new row as the server shows it; the test fails when it was refused."""
        answer = self.post(set_name, body, Prefer="return=representation")
        assert answer.status_code == 201, answer.text
        return answer.json()

    def rows(self, path, **headers) -> list[dict]:
        answer = self.get(path, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["value"]

    def pages(self, path, **headers) -> list[list[dict]]:
        """Every page of a set, following next links."""
        found = []
        while path:
            answer = self.get(path, **headers)
            assert answer.status_code == 200, answer.text
            found.append(answer.json()["value"])
            path = answer.json().get("@odata.nextLink")
        return found

    def batch(self, body: str, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.session.post(
            self.url + self.root + "$batch",
            data=body.encode(),
            headers={"Content-Type": "multipart/mixed; boundary=batch_x", **named},
            timeout=60,
            verify=self.trust,
        )

    def set_faults(self, *rules) -> list[dict]:
        """Set fault rules in place of those that stand."""
        answer = self.admin("PUT", "faults", list(rules))
        assert answer.status_code == 201, answer.text
        return answer.json()["rules"]

    def admin(self, method, path, body=None):
        return requests.request(
            method,
            f"{self.url}/_sandbox/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Sandbox-Admin": ADMIN},
            timeout=30,
            verify=self.trust,
        )


class Sandbox(ServedSandbox):
    """A started sandbox that is empty unless `arguments` say otherwise, with clients on `requests`."""

    sales: Client
    finops: Client

    def __init__(self, home: Path, *arguments: str, **environment: str):
        super().__init__(*arguments, home=home, environment=environment, admin_token=ADMIN)
        self.start()

    def start(self) -> None:
        super().start()
        tenant, authority = self.card["tenant_id"], self.card.get("ca_file")
        self.sales = Client(self.card["sales_url"], SALES, tenant, authority)
        self.finops = Client(self.card["finops_url"], FINOPS, tenant, authority)


def part(request_line: str, body: dict | None = None, content_id: str = "", **headers: str) -> str:
    """One request of a batch, without its boundary."""
    outer = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    outer += [f"Content-ID: {content_id}"] if content_id else []
    inner = [f"{request_line} HTTP/1.1"]
    inner += ["Content-Type: application/json"] if body is not None else []
    inner += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*outer, "", *inner, "", "" if body is None else json.dumps(body)])


def batch(*parts: str, boundary: str = "batch_x") -> str:
    return "".join(f"--{boundary}\r\n{p}\r\n" for p in parts) + f"--{boundary}--\r\n"


def change_set(*parts: str) -> str:
    inner = batch(*parts, boundary="changeset_y")
    return f"Content-Type: multipart/mixed; boundary=changeset_y\r\n\r\n{inner}"
