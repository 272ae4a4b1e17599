"""Refusals of the data service: the envelope with `innererror` (finops-odata sheet, section 8)."""

from __future__ import annotations

from collections.abc import Sequence

from d365_sandbox.finops.languages import sentence_in, translated
from d365_sandbox.json_text import dumps
from d365_sandbox.web.messages import Reply

JSON = "application/json; odata.metadata=minimal; odata.streaming=true"
WRITE_EXCEPTION = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException"
ODATA_EXCEPTION = "Microsoft.OData.ODataException"
ACTION_EXCEPTION = "System.InvalidOperationException"
HTTP_EXCEPTION = "System.Web.Http.HttpResponseException"


class Refused(Exception):
    """An operation that the service refuses; `infolog` are the lines of one that business rules refuse.

    `language` is that of `message`, which jobs of data management report.
    """

    def __init__(
        self, status: int, message: str, exception: str = ODATA_EXCEPTION, infolog: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.exception = exception
        self._text = message
        self._infolog = tuple(infolog)
        self.language = "en-us"

    @property
    def message(self) -> str:
        return self.text_in(self.language)

    def reply(
        self,
        in_batch: bool,
        rejected_status: int = 400,
        language: str = "en-us",
        information: Sequence[str] = (),
    ) -> Reply:
        """The answer. Inside a batch and in older versions, refusals by business rules come as 500 (seen in
        published captures)."""
        status = self.status
        if self.exception in (WRITE_EXCEPTION, ACTION_EXCEPTION):
            status = 500 if in_batch else rejected_status
        body = {
            "error": {
                "code": "",
                "message": "An error has occurred.",
                "innererror": {
                    "message": self.text_in(language, information),
                    "type": self.exception,
                    "stacktrace": "   at Microsoft.Dynamics.Platform.Integration.Services.OData",
                },
            }
        }
        return Reply(status, {"Content-Type": JSON, "OData-Version": "4.0"}, dumps(body))

    def text_in(self, language: str, information: Sequence[str] = ()) -> str:
        """The message with its Infolog in the user's language; lines that only inform come first."""
        if not self._infolog:
            return sentence_in(self._text, language)
        lines = [f"Info: {line}" for line in information]
        lines += [translated(line, language) for line in self._infolog]
        return f"{self._text} Infolog: {'; '.join(lines)}."


def bad_request(message: str) -> Refused:
    return Refused(400, message)


def no_row() -> Refused:
    """A key without a row (the sentence is assumed)."""
    return Refused(404, "No resources were found when selecting for update.", HTTP_EXCEPTION)


def stale() -> Refused:
    """An If-Match that is not the row's etag any more (412 is assumed)."""
    return Refused(412, "The record has been changed by another user.", HTTP_EXCEPTION)


def no_role(set_name: str) -> Refused:
    """The user's roles do not give access to the set (403 is documented, the sentence is assumed)."""
    return Refused(403, f"Access to entity set '{set_name}' is denied.", HTTP_EXCEPTION)


def wrong_method(method: str) -> Refused:
    return Refused(405, f"The requested resource does not support http method '{method}'.")


def rejected(entity: str, infolog: Sequence[str]) -> Refused:
    """A write that the application's rules refuse; `infolog` are its lines, such as `Warning:
    <sentence>`."""
    return Refused(400, f"Write failed for table row of type '{entity}'.", WRITE_EXCEPTION, infolog)


def update_conflict(entity: str, caption: str, table: str) -> Refused:
    """Another process changes the same table at this moment; the caller may try again."""
    return rejected(
        entity,
        [
            f"Error: Cannot edit a record in {caption} ({table}). An update conflict occurred due to another "
            "user process deleting the record or changing one or more fields in the record."
        ],
    )


def action_failed(action: str, entity: str, message: str) -> Refused:
    """An action that threw an exception."""
    text = f"Exception occurred while executing action {action} on Entity {entity}: {message}"
    return Refused(400, text, ACTION_EXCEPTION)


def no_set_page() -> Reply:
    """The same as a page (its text is assumed)."""
    page = "<!DOCTYPE html><html><head><title>404</title></head><body>The resource cannot be found.</body></html>"
    return Reply(404, {"Content-Type": "text/html; charset=us-ascii"}, page.encode("ascii"))


def no_set(root: str, path: str) -> Reply:
    """An address that names no entity set (its form is assumed)."""
    body = {"Message": f"No HTTP resource was found that matches the request URI '{root}/data/{path}'."}
    return Reply(404, {"Content-Type": "application/json; charset=utf-8"}, dumps(body))
