"""Refusals of the data service: the envelope with `innererror` (finops-odata sheet, section 8)."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.odata_subset.json_text import dumps
from sandbox.web import Reply

JSON = "application/json; odata.metadata=minimal; odata.streaming=true"
WRITE_EXCEPTION = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException"
ODATA_EXCEPTION = "Microsoft.OData.ODataException"


class Refused(Exception):
    """An operation that the service refuses."""

    def __init__(self, status: int, message: str, exception: str = ODATA_EXCEPTION) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.exception = exception

    def reply(self, in_batch: bool) -> Reply:
        """The answer. Inside a batch, refusals by business rules come as 500 (seen in
        published captures)."""
        status = 500 if in_batch and self.exception == WRITE_EXCEPTION else self.status
        body = {
            "error": {
                "code": "",
                "message": "An error has occurred.",
                "innererror": {
                    "message": self.message,
                    "type": self.exception,
                    "stacktrace": "   at Microsoft.Dynamics.Platform.Integration.Services.OData",
                },
            }
        }
        return Reply(status, {"Content-Type": JSON, "OData-Version": "4.0"}, dumps(body))


def bad_request(message: str) -> Refused:
    return Refused(400, message)


def no_row() -> Refused:
    """A key without a row (the sentence is assumed)."""
    return Refused(
        404, "No resources were found when selecting for update.", "System.Web.Http.HttpResponseException"
    )


def stale() -> Refused:
    """An If-Match that is not the row's etag any more (412 is assumed)."""
    return Refused(
        412, "The record has been changed by another user.", "System.Web.Http.HttpResponseException"
    )


def rejected(entity: str, infolog: Sequence[str]) -> Refused:
    """A write that the application's rules refuse; `infolog` are its lines, such as `Warning:
    <sentence>`."""
    text = "; ".join(infolog)
    return Refused(400, f"Write failed for table row of type '{entity}'. Infolog: {text}.", WRITE_EXCEPTION)


def no_set(root: str, path: str) -> Reply:
    """An address that names no entity set (its form is assumed)."""
    body = {"Message": f"No HTTP resource was found that matches the request URI '{root}/data/{path}'."}
    return Reply(404, {"Content-Type": "application/json; charset=utf-8"}, dumps(body))
