"""A table of cardholders and cards, as people keep it in a spreadsheet.

The first line names the columns; only `holder` must be there. A line is one card (or PIN) of
one holder. Who has several has several lines, and says the rest in one of them.

    holder        who: an id; no name, as events carry it
    levels        access levels, separated by ";"
    format facility number    a card by what is printed on it: H10301, 36, 6765
    card          or by its key: H10301:36:6765, or its bits: 26:12345680
    pin           goes with the holder's cards        duress_pin   the same, under duress
    pin_alone     a PIN that opens by itself
    state         enabled (if empty), lost, stolen, …  max_uses    how often the card opens
    valid_from valid_until    of the holder; a date alone means all of that day
    clearance     a whole number                      flags       separated by ";"

Every mistake names its line and column. Times without an offset are by the site's clocks. PINs
are in no mistake.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any, TextIO

from gatewayd.core.access.model import CredentialState, Flag
from gatewayd.core.access.record_check import well_formed
from gatewayd.core.pin_entry import DIGITS, MAX_DIGITS, Digits
from gatewayd.errors import StateError, UsageError

COLUMNS = frozenset(
    {"holder", "levels", "clearance", "flags", "valid_from", "valid_until", "pin", "duress_pin"}
    | {"format", "facility", "number", "card", "pin_alone", "state", "max_uses"}
)
MOST_ROWS = 2_000_000
LONGEST_FIELD = 1_024  # characters
MOST_MISTAKES = 100  # named one by one
FORMAT = "H10301"  # of a number without a format

Record = dict[str, Any]
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong. `line` as editors count: 1 is the first."""

    line: int
    column: str
    why: str

    def __str__(self) -> str:
        """Say where and what."""
        return f"line {self.line}, {self.column}: {self.why}"


@dataclass(slots=True)
class People:
    """What was read: records as `permissions.apply` takes them, but for the PINs."""

    holders: dict[str, Record] = field(default_factory=dict)
    cards: dict[str, Record] = field(default_factory=dict)
    pins: list[tuple[Digits, Record]] = field(default_factory=list)  # that open by themselves
    mistakes: list[Mistake] = field(default_factory=list)
    unnamed: int = 0  # mistakes beyond those

    @property
    def levels(self) -> set[str]:
        """Every level that somebody has."""
        return {level for each in self.holders.values() for level in each["levels"]}


def read_people(
    path: Path, zone: tzinfo, progress: Callable[[int], None] = lambda _: None
) -> People:
    """Read a table whole. `progress` is told how many of its bytes were read.

    Raises StateError if the file cannot be read, UsageError if it is no such table.
    """
    csv.field_size_limit(LONGEST_FIELD)
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            return _read(path, text, zone, progress)
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8; save it as CSV UTF-8") from None
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from None


def _read(path: Path, text: TextIO, zone: tzinfo, progress: Callable[[int], None]) -> People:
    first = text.readline(LONGEST_FIELD)
    columns = next(csv.reader([first], delimiter=_delimiter(first)), [])
    columns = [each.strip().lower() for each in columns]
    _check_columns(path, columns)
    rows = _Rows(zone)
    reader = csv.reader(text, delimiter=_delimiter(first), strict=True)
    try:
        for number, values in enumerate(reader):
            if number >= MOST_ROWS:
                raise UsageError(f"{path}: more than {MOST_ROWS} lines")
            rows.take(reader.line_num + 1, columns, values)
            progress(text.buffer.tell())
    except csv.Error as error:
        raise UsageError(f"{path}: line {reader.line_num + 1}: {error}") from None
    return rows.found


def _delimiter(line: str) -> str:
    """Return what separates columns: whatever the first line has most of."""
    return max(",;\t", key=line.count)


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    if "holder" not in columns:
        raise UsageError(f'{path}: the first line names no column "holder"')
    if unknown := sorted(set(columns) - COLUMNS):
        known = ", ".join(sorted(COLUMNS))
        raise UsageError(f"{path}: no such column: {', '.join(unknown)}; there are {known}")
    if twice := sorted({each for each in columns if columns.count(each) > 1}):
        raise UsageError(f"{path}: column {', '.join(twice)} stands there twice")


class _Rows:
    """The lines read so far."""

    def __init__(self, zone: tzinfo) -> None:
        self.found = People()
        self._zone = zone
        self._line = 0
        self._lines: dict[str, int] = {}  # of each card, and of each PIN that opens alone
        self._alone: dict[str, int] = {}

    def take(self, line: int, columns: Sequence[str], values: Sequence[str]) -> None:
        """Take a line; an empty one is none."""
        self._line = line
        row = {
            column: value.strip()
            for column, value in zip(columns, values, strict=False)
            if value
        }
        row = {column: value for column, value in row.items() if value}
        if not row:
            return
        if len(values) > len(columns):
            self._wrong("columns", f"{len(values)} values for {len(columns)} columns")
        elif "holder" not in row:
            self._wrong("holder", "is missing")
        else:
            self._holder(row)
            self._credentials(row)

    # --- who ----------------------------------------------------------------------

    def _holder(self, row: Row) -> None:
        said: Record = {}
        for column, read in self._of_holder().items():
            if column in row and (value := read(column, row[column])) is not None:
                said[column] = value
        before = self.found.holders.setdefault(row["holder"], {"levels": []})
        for column, value in said.items():
            if before.get(column) in (None, []):
                before[column] = value
            elif before[column] != value:
                self._wrong(column, "another line of the same holder says something else")

    def _of_holder(self) -> dict[str, Callable[[str, str], Any]]:
        return {
            "levels": lambda _, text: _listed(text),
            "flags": self._flags,
            "clearance": self._whole,
            "valid_from": self._time,
            "valid_until": self._time,
            "pin": self._pin,
            "duress_pin": self._pin,
        }

    def _flags(self, column: str, text: str) -> list[str] | None:
        flags = _listed(text)
        unknown = [each for each in flags if each not in set(Flag)]
        if unknown:
            self._wrong(column, f"no such flag: {', '.join(unknown)}")
        return flags

    def _whole(self, column: str, text: str) -> int | None:
        try:
            return int(text)
        except ValueError:
            self._wrong(column, "is no whole number")
            return None

    def _time(self, column: str, text: str) -> str | None:
        """Return it as requests have it. A day alone is meant whole, its end included."""
        try:
            if len(text) == len("2030-01-01"):
                days = timedelta(days=column == "valid_until")
                day = date.fromisoformat(text) + days
                when = datetime.combine(day, time(), self._zone)
            else:
                when = datetime.fromisoformat(text)
                when = when if when.tzinfo else when.replace(tzinfo=self._zone)
            utc = when.astimezone(UTC)
        except (ValueError, OverflowError):
            self._wrong(column, 'is no time such as "2030-01-31" or "2030-01-31 18:00"')
            return None
        return utc.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _pin(self, column: str, text: str) -> Digits | None:
        if len(text) > MAX_DIGITS or not DIGITS.issuperset(text):
            self._wrong(column, f"is no PIN of 1 to {MAX_DIGITS} digits")
            return None
        return Digits(text)

    # --- by what ------------------------------------------------------------------

    def _credentials(self, row: Row) -> None:
        record: Record = {"holder": row["holder"]}
        if "state" in row:
            record["state"] = row["state"].lower()
            if record["state"] not in set(CredentialState):
                self._wrong("state", f"is none of {', '.join(CredentialState)}")
        if "max_uses" in row:
            record["max_uses"] = self._whole("max_uses", row["max_uses"])
        key = self._key(row)
        if key is not None:
            self._once("card", key, self._lines)
            self.found.cards[key] = record
        if "pin_alone" in row and (pin := self._pin("pin_alone", row["pin_alone"])):
            self._once("pin_alone", row["pin_alone"], self._alone)
            self.found.pins.append((pin, record))

    def _key(self, row: Row) -> str | None:
        """Return the key of the card of a line, if there is one."""
        if "card" not in row and "number" not in row:
            for column in {"format", "facility"} & row.keys():
                self._wrong(column, "needs a number beside it")
            return None
        if "card" in row:
            key, column = row["card"], "card"
        else:
            key = f"{row.get('format', FORMAT)}:{row.get('facility', '')}:{row['number']}"
            column = "number"
        if not well_formed(key):
            self._wrong(column, f"{key[:48]!r} is not the key of a card")
            return None
        return key

    def _once(self, column: str, what: str, lines: dict[str, int]) -> None:
        first = lines.setdefault(what, self._line)
        if first != self._line:
            self._wrong(column, f"stands in line {first} already")

    def _wrong(self, column: str, why: str) -> None:
        if len(self.found.mistakes) < MOST_MISTAKES:
            self.found.mistakes.append(Mistake(self._line, column, why))
        else:
            self.found.unnamed += 1


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(";") if each.strip()]
