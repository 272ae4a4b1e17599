"""CSV files read row by row; whatever is wrong is a sentence that names file, line, column and value."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from d365_sandbox.records.shapes import RecordsError


@dataclass(frozen=True)
class Line:
    """One row of a file: `cells` by column name, exactly as written."""

    file: str
    number: int
    cells: dict[str, str]

    def text(self, column: str, longest: int | None = None) -> str | None:
        """The cell as it stands, None if it is empty; longer than the target field is an error."""
        value = self.cells.get(column, "")
        if longest is not None and len(value) > longest:
            raise self.wrong(column, f"has {len(value)} characters, {longest} fit. Shorten it.")
        return value or None

    def required(self, column: str, longest: int | None = None) -> str:
        value = self.text(column, longest)
        if value is None:
            raise self.wrong(column, "must not be empty. Fill it in.")
        return value

    def decimal(self, column: str, most: int) -> Decimal | None:
        """An amount from 0 to `most`, None if the cell is empty."""
        value = self.text(column)
        if value is None:
            return None
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or not value.isascii() or "_" in value:
            raise self.wrong(column, "is not a number. Write digits and a decimal point, such as 1234.50.")
        if not 0 <= number <= most:
            raise self.wrong(column, f"is out of range. It must lie between 0 and {most}.")
        return number

    def integer(self, column: str, most: int) -> int | None:
        number = self.decimal(column, most)
        if number is not None and number != number.to_integral_value():
            raise self.wrong(column, "is not a whole number. Leave the decimals out.")
        return None if number is None else int(number)

    def moment(self, column: str) -> datetime | None:
        """A date or a date with time in ISO form; UTC where no offset is written."""
        value = self.text(column)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.wrong(
                column, "is not a date. Write it as 2026-01-31 or 2026-01-31 14:30:00."
            ) from None

    def choice(self, column: str, meanings: dict[str, bool]) -> bool:
        value = self.required(column)
        if value not in meanings:
            raise self.wrong(column, f"is unknown. Write {' or '.join(meanings)}.")
        return meanings[value]

    def wrong(self, column: str, complaint: str) -> RecordsError:
        value = self.cells.get(column, "")
        shown = value if len(value) <= 60 else f"{value[:57]}..."
        return RecordsError(f"{self.file}, line {self.number}, column {column}: {shown!r} {complaint}")


def read_table(
    folder: Path, file: str, columns: tuple[str, ...], key: str = "", folded: bool = False
) -> Iterator[Line]:
    """Yield the lines of a CSV file: comma separated, UTF-8 (with or without byte order mark), a header row.

    The columns stand in any order, others are kept in the line. Two lines with the same `key` are an error;
    `folded` compares keys as Finance and Operations does, without case and without blanks at the end.
    """
    path = folder / file
    if not path.is_file():
        raise RecordsError(
            f"{file} is missing in {folder}. Put the file there; its columns are {', '.join(columns)}."
        )
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.reader(stream, strict=True)
            header = _header(file, next(rows, []), columns)
            seen: dict[str, int] = {}
            number = rows.line_num
            for row in rows:
                first, number = number + 1, rows.line_num
                if row:
                    line = _line(file, first, header, row)
                    if key:
                        _refuse_repeat(line, key, folded, seen)
                    yield line
    except UnicodeDecodeError:
        raise RecordsError(
            f"{file} is not UTF-8 text (after line {number}). Save it again as 'CSV UTF-8', comma separated."
        ) from None
    except csv.Error as error:
        raise RecordsError(
            f"{file}, line {number + 1}: the row cannot be read ({error}). "
            "Look for a quotation mark that is not closed or not doubled."
        ) from None


def fold(key: str) -> str:
    """A key without case and outer blanks: two keys alike in this are one key that is spelled in two ways."""
    return key.strip().casefold()


def has_table(folder: Path, file: str) -> bool:
    return (folder / file).is_file()


def _header(file: str, header: list[str], columns: tuple[str, ...]) -> list[str]:
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            raise RecordsError(f"{file}, line 1: columns are separated by {name}. Save it again with commas.")
    missing = [column for column in columns if column not in header]
    if missing:
        raise RecordsError(
            f"{file}, line 1: column {missing[0]} is missing. "
            f"The header row has {', '.join(header) or 'nothing'}; needed are {', '.join(columns)}."
        )
    repeated = [column for column in columns if header.count(column) > 1]
    if repeated:
        raise RecordsError(f"{file}, line 1: column {repeated[0]} stands there twice. Keep one of them.")
    return header


def _line(file: str, number: int, header: list[str], row: list[str]) -> Line:
    if len(row) != len(header):
        raise RecordsError(
            f"{file}, line {number}: the row has {len(row)} cells, the header row {len(header)}. "
            "Put text that holds a comma into quotation marks."
        )
    return Line(file, number, dict(zip(header, row, strict=True)))


def _refuse_repeat(line: Line, key: str, folded: bool, seen: dict[str, int]) -> None:
    value = line.cells[key].rstrip(" ").casefold() if folded else line.cells[key]
    if not value:
        return
    if value in seen:
        raise line.wrong(key, f"stands on line {seen[value]} already. Give each its own, or remove a line.")
    seen[value] = line.number
