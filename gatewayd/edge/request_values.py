"""The single values that requests are made of, and what all their models have in common.

Strict: nothing is converted, unknown keys are refused, and no error shows what was sent.
"""

import re
from datetime import datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

LONGEST_PATH = 4096  # characters
LONGEST_MAKERS = 1024  # bytes of a command that only its maker's units understand
MOST = 2**31 - 1  # of anything that is counted
LONGEST_TEXT = 64  # characters; the largest display has four rows of 16

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", re.ASCII)  # safe as a level of a topic
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
PATH = re.compile(rf"/[^\0]{{1,{LONGEST_PATH}}}", re.ASCII)
VENDOR = re.compile(r"[0-9A-Fa-f]{6}", re.ASCII)
OCTETS = re.compile(rf"([0-9A-Fa-f]{{2}}){{0,{LONGEST_MAKERS}}}", re.ASCII)
TEXT = re.compile(rf"[ -~]{{0,{LONGEST_TEXT}}}", re.ASCII)
SERIAL = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)


def matching(kind: str, pattern: re.Pattern[str], rule: str) -> AfterValidator:
    """Refuse what the pattern does not match, and say the rule."""

    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise PydanticCustomError(kind, rule)
        return value

    return AfterValidator(check)


def _instant(value: object) -> object:
    """RFC 3339 in UTC and nothing else: no offsets, no numbers, no missing seconds."""
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise PydanticCustomError("instant", "must be a time like 2026-11-23T19:27:00Z")
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("instant", "is no time of any day") from None


Name = Annotated[
    str,
    matching("name", NAME, "must be 1 to 64 of A-Z, a-z, 0-9, _, - and, not first, ."),
    WithJsonSchema({"type": "string", "pattern": f"^{NAME.pattern}$"}),
]
Id = Annotated[
    str,
    matching("id", REQUEST_ID, "must be 1 to 64 of A-Z, a-z, 0-9, ., _, : and -"),
    WithJsonSchema({"type": "string", "pattern": f"^{REQUEST_ID.pattern}$"}),
]
Serial = Annotated[
    str,
    matching("serial", SERIAL, "must be 8 hexadecimal digits, as the audit shows them"),
    WithJsonSchema({"type": "string", "pattern": f"^{SERIAL.pattern}$"}),
]
Sha256 = Annotated[
    str,
    matching("sha256", SHA256, "must be 64 hexadecimal digits in lower case"),
    WithJsonSchema({"type": "string", "pattern": f"^{SHA256.pattern}$"}),
]
Count = Annotated[int, Field(ge=0, le=MOST)]
Path = Annotated[
    str, matching("path", PATH, f"must be an absolute path of {LONGEST_PATH} at most")
]
Vendor = Annotated[str, matching("vendor", VENDOR, "must be 6 hexadecimal digits")]
Octets = Annotated[
    str,
    matching("octets", OCTETS, f"must be at most {LONGEST_MAKERS} bytes, in hexadecimal"),
]
Text = Annotated[
    str,
    matching("text", TEXT, f"must be at most {LONGEST_TEXT} printable ASCII characters"),
]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Model(BaseModel):
    """Strict: no unknown keys, nothing converted, inputs never shown in errors."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )
