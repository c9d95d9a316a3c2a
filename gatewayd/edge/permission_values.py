"""The single values that records of permissions are made of, as upstream writes them.

Times of a day are "08:00" or "08:00:30"; beyond "24:00" they are of the next day. Days are
"2030-12-24", or "12-25" for every year. PINs come in envelopes (box_key), which `OPENS` in the
validation context opens; "kept" stands for the PIN that a holder has.
"""

import re
from collections.abc import Hashable
from datetime import date
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import (
    AfterValidator,
    FailFast,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from gatewayd.core.access.model import Flag, Side
from gatewayd.core.access.people import KEPT
from gatewayd.core.access.pins import PIN_ALONE
from gatewayd.core.model import HolderId
from gatewayd.core.schedule import Day, Period, YearlyDay

LONGEST_SECONDS = 366 * 86_400  # of any duration
OPENS = "opens"  # in the validation context: whoever opens envelopes
KEPT_WORD = "kept"

_TIME = re.compile(r"(\d\d):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_YEARLY = re.compile(r"(\d\d)-(\d\d)", re.ASCII)

Value = TypeVar("Value", bound=Hashable)


class OpenedPin(Protocol):
    """A PIN out of its envelope."""

    def of(self, holder: HolderId) -> bytes:
        """Return what is kept of it for a holder."""

    def alone(self) -> str:
        """Return the key of the credential that it is by itself."""


class Opens(Protocol):
    """Whoever has the key to envelopes."""

    def open(self, envelope: str) -> OpenedPin:
        """Open one; `ValueError` says what is wrong with it, and nothing of its content."""


def _second(text: object) -> int:
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise PydanticCustomError("time_of_day", 'must be a time like "08:00" or "08:00:30"')
    hours, minutes, seconds = found.groups(default="0")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


def _period(value: object) -> Period:
    if not isinstance(value, list) or len(value) != 2:
        raise PydanticCustomError("period", 'must be a start and an end: ["08:00", "18:00"]')
    return Period(_second(value[0]), _second(value[1]))


def _day(value: object) -> Day:
    if isinstance(value, str):
        if yearly := _YEARLY.fullmatch(value):
            return YearlyDay(int(yearly[1]), int(yearly[2]))
        if _DATE.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                raise PydanticCustomError("day", "is no day of any year") from None
    raise PydanticCustomError("day", 'must be a day like "2030-12-24", or "12-25" every year')


def _each_once(values: list[Value]) -> list[Value]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("each_once", "must name nothing twice")
    return values


def _pin(value: object, info: ValidationInfo) -> OpenedPin | bytes | None:
    if value is None:
        return None
    if value == KEPT_WORD:
        return KEPT
    if not isinstance(value, str):
        raise PydanticCustomError("pin", f'must be an envelope, "{KEPT_WORD}" or null')
    return _opened(value, info)


def _opened(envelope: str, info: ValidationInfo) -> OpenedPin:
    opens: Opens | None = (info.context or {}).get(OPENS)
    if opens is None:
        raise PydanticCustomError("pin", "cannot be opened here")
    try:
        return opens.open(envelope)
    except ValueError as error:
        raise PydanticCustomError("pin", "{why}", {"why": f"{error}"}) from None


def open_keys(value: object, info: ValidationInfo) -> object:
    """Put the keys of PINs alone in place of their envelopes."""
    if not isinstance(value, dict):
        return value
    keys = {key: _key(key, info) for key in value}
    _each_once(list(keys.values()))
    return {keys[key]: each for key, each in value.items()}


def _key(key: str, info: ValidationInfo) -> str:
    if not key.startswith(PIN_ALONE):
        return key
    return _opened(key.removeprefix(PIN_ALONE), info).alone()


Periods = Annotated[
    list[Annotated[Period, PlainValidator(_period)]],
    FailFast(),  # naming thousands of mistakes would take longer than any reading
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "type": "array",
                "items": {"type": "string", "pattern": f"^{_TIME.pattern}$"},
                "minItems": 2,
                "maxItems": 2,
            },
        }
    ),
]
Days = Annotated[
    list[Annotated[date | YearlyDay, PlainValidator(_day)]],
    AfterValidator(_each_once),
    WithJsonSchema({"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
]
Names = Annotated[list[str], AfterValidator(_each_once)]
Sides = Annotated[
    list[Annotated[Side, Field(strict=False)]],
    FailFast(),
    AfterValidator(_each_once),
]
Flags = Annotated[
    list[Annotated[Flag, Field(strict=False)]],
    FailFast(),
    AfterValidator(_each_once),
]
Seconds = Annotated[int, Field(ge=0, le=LONGEST_SECONDS)]
Pin = Annotated[
    Any,  # an OpenedPin, KEPT or None
    PlainValidator(_pin),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]}),
]
