"""Refusals of the Web API: a status, a hexadecimal code and a sentence (dataverse-web-api sheet, section
8)."""

from __future__ import annotations

from d365_sandbox.json_text import dumps
from d365_sandbox.odata.preferences import read_preferences
from d365_sandbox.web.messages import Reply

JSON = "application/json; odata.metadata=minimal"


class Refused(Exception):
    """An operation that the service refuses."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.detailed = False

    def reply(self) -> Reply:
        """The error response. `detailed` adds the members that callers get who ask for every annotation."""
        error = {"code": self.code, "message": self.message}
        if self.detailed:
            error |= self._details()
        return Reply(self.status, {"Content-Type": JSON, "OData-Version": "4.0"}, dumps({"error": error}))

    def _details(self) -> dict[str, str]:
        """What each member holds is seen in published answers; the wording of the trace is assumed."""
        number = int(self.code or "0", 16)
        return {
            "@Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus": "0",
            "@Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode": str(
                number - (1 << 32 if number >> 31 else 0)
            ),
            "@Microsoft.PowerApps.CDS.HelpLink": (
                "http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException"
                f"%3a{self.code.removeprefix('0x')}&client=platform"
            ),
            "@Microsoft.PowerApps.CDS.TraceText": f"[Microsoft.Crm.CrmException: {self.message}]",
            "@Microsoft.PowerApps.CDS.InnerError.Message": self.message,
        }


def answer(refusal: Refused, prefer: str) -> Reply:
    """The refusal as the caller of this Prefer header gets it: with details when `include-annotations="*"` asks
    (dataverse sheet, 8)."""
    preferences = read_preferences(prefer)
    wanted = preferences.get("odata.include-annotations", "").split(",")
    refusal.detailed = any(name.strip() == "*" for name in wanted)
    return refusal.reply()


def bad_query(message: str) -> Refused:
    """A query option or path that cannot be read. The code is the one seen in published answers."""
    return Refused(400, "0x80060888", message)


def bad_payload(set_name: str, message: str) -> Refused:
    """A body that does not fit the table."""
    return Refused(
        400,
        "0x80048d19",
        f"Error identified in Payload provided by the user for Entity :'{set_name}', "
        f"InnerException : {message}",
    )


def no_resource(segment: str) -> Refused:
    return Refused(404, "0x80060888", f"Resource not found for the segment '{segment}'.")


def no_row(logical_name: str, row_id: str) -> Refused:
    return Refused(404, "0x80040217", f"Entity '{logical_name}' With Id = {row_id} Does Not Exist")


def duplicate() -> Refused:
    return Refused(412, "0x80040237", "A record with matching key values already exists.")


def stale() -> Refused:
    return Refused(
        412,
        "0x80060882",
        "The version of the existing record doesn't match the RowVersion property provided.",
    )


def invalid(message: str) -> Refused:
    return Refused(400, "0x80040203", message)


def not_simulated(what: str) -> Refused:
    return Refused(501, "0x80040203", f"{what} is not simulated by the sandbox.")
