"""JSON out of the core's values, and JSON into them.

Out: the core's dataclasses as pydantic lays them out, one serializer per class, built at
import. An event gets its number, time and kind in front; encoding one never fails, because
an event that cannot be written is an event that is lost.

In: a request is read whole or refused with a stable code and a sentence that names key and
reason, never the payload itself. Nothing is guessed: duplicate keys, NaN, numbers beyond a
double, unknown keys, strings for numbers and times that are not RFC 3339 UTC are refused.
A refusal is a value (`Refusal`), and it never stands for a default action.
"""

import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

import structlog
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails, PydanticCustomError, to_json

from gatewayd.core.actions import Answer, PermissionsView
from gatewayd.core.events import Event
from gatewayd.core.model import (
    AuditReport,
    ClientId,
    ControllerId,
    ControllerView,
    DoorId,
    DoorMode,
    DoorView,
    HolderId,
    Moment,
    RequestId,
)
from gatewayd.core.permissions import Grant, Update
from gatewayd.core.requests import (
    AcceptController,
    ApplyPermissions,
    AskMaker,
    Command,
    CommissionController,
    EndCommissioning,
    EndFirmware,
    KeepCardActive,
    ReadHealth,
    RotateKey,
    RunAudit,
    SendFirmware,
    SetDoorMode,
    ShowText,
    UnlockDoor,
)

log = structlog.get_logger()

LARGEST_REQUEST = 256 << 10  # bytes of one request
DEEPEST = 16  # arrays and objects inside each other
LONGEST_VALIDITY = timedelta(seconds=300)  # from `issued` to `expires`
EARLIEST = timedelta(seconds=30)  # how far in the future `issued` may lie
LONGEST_MESSAGE = 300  # characters of an error message
LONGEST_PATH = 4096  # characters
LONGEST_MAKERS = 1024  # bytes of a command that only its maker's units understand
LONGEST_TEXT = 64  # characters; the largest display has four rows of 16
MOST_MISTAKES = 3  # named in one error message

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", re.ASCII)  # safe as a level of a topic
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
PATH = re.compile(rf"/[^\0]{{1,{LONGEST_PATH}}}", re.ASCII)
VENDOR = re.compile(r"[0-9A-Fa-f]{6}", re.ASCII)
OCTETS = re.compile(rf"([0-9A-Fa-f]{{2}}){{0,{LONGEST_MAKERS}}}", re.ASCII)
TEXT = re.compile(rf"[ -~]{{0,{LONGEST_TEXT}}}", re.ASCII)
SERIAL = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)


class ErrorCode(StrEnum):
    """Why the edge refuses a request. Stable; the brain's own codes join them in docs."""

    BUSY = "busy"
    DUPLICATE_REQUEST = "duplicate_request"
    INTERNAL_ERROR = "internal_error"
    INVALID_REQUEST = "invalid_request"
    NOT_PERMITTED = "not_permitted"
    OUTCOME_UNKNOWN = "outcome_unknown"
    RATE_LIMITED = "rate_limited"
    REQUEST_EARLY = "request_early"
    REQUEST_EXPIRED = "request_expired"
    RETAINED_REQUEST = "retained_request"
    STORAGE_FAILED = "storage_failed"
    UNKNOWN_COMMAND = "unknown_command"


# --- out: events --------------------------------------------------------------------

Serializer = Callable[[Any], bytes]

_EVENTS: dict[type, tuple[str, Serializer]] = {
    kind: (kind.KIND, TypeAdapter(kind).serializer.to_json) for kind in get_args(Event)
}


def encode_event(seq: int, event: Event, now: Moment) -> bytes:
    """Lay out one journal event: number, time, kind, then its own fields. Never raises."""
    kind, to_bytes = _EVENTS[type(event)]
    try:
        fields = to_bytes(event)
    except Exception:  # whatever is wrong with a text, the event must not be lost
        log.exception("event_cleaned", seq=seq, kind=kind)
        fields = json.dumps(_clean(asdict(event)), ensure_ascii=False).encode()
    head = (
        f'{{"seq":{seq},"at":"{instant(now.utc)}","mono":{now.mono:.6f},'
        f'"clock":"{"trusted" if now.trusted else "uncertain"}","kind":"{kind}"'
    ).encode()
    return head + b"," + fields[1:] if len(fields) > 2 else head + b"}"


def instant(utc: datetime) -> str:
    """Return a time as RFC 3339 in UTC with microseconds: 2026-11-23T19:27:00.000000Z."""
    return utc.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def _clean(value: object) -> object:
    """Only what JSON can say: lone surrogates become question marks, the rest its repr."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(_clean(str(key))): _clean(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_clean(item) for item in value]
        case _:
            return _clean(repr(value))


# --- out: state and answers -----------------------------------------------------------

View = DoorView | ControllerView | AuditReport | PermissionsView

_VIEWS: dict[type, Serializer] = {
    view: TypeAdapter(view).serializer.to_json for view in get_args(View)
}


@dataclass(frozen=True, slots=True)
class Status:
    """For `R/status`. `online` is False in the will and after a stop; `why` says which."""

    online: bool
    version: str
    trust: str
    since: datetime | None = None  # start of the process
    mqtt: str | None = None  # "5" or "3.1.1"
    why: str = ""


_status = TypeAdapter(Status).serializer.to_json


def encode_view(view: View) -> bytes:
    """Lay out retained state."""
    return _VIEWS[type(view)](view)


def encode_controller(view: ControllerView, counters: object) -> bytes:
    """Lay out `R/controllers/<controller>`: what the brain says, and what the line counts."""
    return to_json({**_fields(view), "counters": counters}, inf_nan_mode="null")


def _fields(view: ControllerView) -> dict[str, object]:
    return {each.name: getattr(view, each.name) for each in fields(view)}


def encode_status(status: Status) -> bytes:
    """Lay out `R/status`."""
    return _status(status)


def encode_document(document: object) -> bytes:
    """Lay out plain values and dataclasses (`R/health`); no NaN gets out."""
    return to_json(document, inf_nan_mode="null")


def encode_answer(answer: Answer) -> bytes:
    """Lay out the one answer to a request; a result that is no JSON becomes an error."""
    if answer.error is not None:
        return encode_error(answer.request, answer.error, answer.message)
    try:
        return encode_document({"id": answer.request, "ok": True, "result": answer.result})
    except ValueError:  # PydanticSerializationError is one
        log.exception("answer_unreadable", request=answer.request)
        return encode_error(
            answer.request, ErrorCode.INTERNAL_ERROR, "done, but the result cannot be shown"
        )


def encode_error(request: str | None, code: str, message: str) -> bytes:
    """Lay out an answer that is an error; `request` is None if it could not be read."""
    text = message[:LONGEST_MESSAGE].encode("utf-8", "replace").decode()
    return encode_document(
        {"id": request, "ok": False, "error": {"code": code, "message": text}}
    )


# --- in: single values ----------------------------------------------------------------


def _matching(kind: str, pattern: re.Pattern[str], rule: str) -> AfterValidator:
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
    _matching("name", NAME, "must be 1 to 64 of A-Z, a-z, 0-9, _, - and, not first, ."),
    WithJsonSchema({"type": "string", "pattern": f"^{NAME.pattern}$"}),
]
Id = Annotated[
    str,
    _matching("id", REQUEST_ID, "must be 1 to 64 of A-Z, a-z, 0-9, ., _, : and -"),
    WithJsonSchema({"type": "string", "pattern": f"^{REQUEST_ID.pattern}$"}),
]
Serial = Annotated[
    str,
    _matching("serial", SERIAL, "must be 8 hexadecimal digits, as the audit shows them"),
    WithJsonSchema({"type": "string", "pattern": f"^{SERIAL.pattern}$"}),
]
Path = Annotated[
    str, _matching("path", PATH, f"must be an absolute path of {LONGEST_PATH} at most")
]
Vendor = Annotated[str, _matching("vendor", VENDOR, "must be 6 hexadecimal digits")]
Octets = Annotated[
    str,
    _matching("octets", OCTETS, f"must be at most {LONGEST_MAKERS} bytes, in hexadecimal"),
]
Text = Annotated[
    str,
    _matching("text", TEXT, f"must be at most {LONGEST_TEXT} printable ASCII characters"),
]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


# --- in: one model per command ----------------------------------------------------------


class Model(BaseModel):
    """Strict: no unknown keys, nothing converted, inputs never shown in errors."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )


class Args(Model, ABC):
    """The arguments of one command."""

    @abstractmethod
    def command(self) -> Command:
        """Return what the brain is asked."""


class UnlockDoorArgs(Args):
    """`door.unlock`."""

    door: Name

    def command(self) -> Command:
        return UnlockDoor(DoorId(self.door))


class SetDoorModeArgs(Args):
    """`door.mode`."""

    door: Name
    mode: Literal["locked", "unlocked", "blocked"]

    def command(self) -> Command:
        return SetDoorMode(DoorId(self.door), DoorMode(self.mode))


class GrantArgs(Model):
    """What one credential may do; `valid_from` inclusive, `valid_until` exclusive."""

    holder: str
    doors: list[str]
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    enabled: bool = True

    def grant(self) -> Grant:
        return Grant(
            HolderId(self.holder),
            frozenset(map(DoorId, self.doors)),
            self.valid_from,
            self.valid_until,
            self.enabled,
        )


class ApplyPermissionsArgs(Args):
    """`permissions.apply`; null takes a grant away.

    Only the shape is read here. What keys, holders and numbers may be, and that the update
    leads on from what is held, is the core's to say, all mistakes at once.
    """

    base: int
    version: int
    grants: dict[str, GrantArgs | None]

    def command(self) -> Command:
        grants = {
            key: None if each is None else each.grant() for key, each in self.grants.items()
        }
        return ApplyPermissions(Update(self.base, self.version, grants))


class RunAuditArgs(Args):
    """`audit.run`."""

    def command(self) -> Command:
        return RunAudit()


class RotateKeyArgs(Args):
    """`controller.rotate_key`."""

    controller: Name

    def command(self) -> Command:
        return RotateKey(ControllerId(self.controller))


class CommissionArgs(Args):
    """`controller.commission`; the serial number is as the audit shows it."""

    controller: Name
    seconds: Annotated[float, Field(gt=0, le=LONGEST_VALIDITY.total_seconds())] = 120
    serial: Serial | None = None

    def command(self) -> Command:
        serial = None if self.serial is None else self.serial.lower()
        return CommissionController(ControllerId(self.controller), self.seconds, serial)


class EndCommissioningArgs(Args):
    """`controller.end_commissioning`."""

    controller: Name

    def command(self) -> Command:
        return EndCommissioning(ControllerId(self.controller))


class SendFirmwareArgs(Args):
    """`controller.firmware`; the path is one on the gateway's host."""

    controller: Name
    path: Path

    def command(self) -> Command:
        return SendFirmware(ControllerId(self.controller), self.path)


class EndFirmwareArgs(Args):
    """`controller.end_firmware`."""

    controller: Name

    def command(self) -> Command:
        return EndFirmware(ControllerId(self.controller))


class AskMakerArgs(Args):
    """`controller.manufacturer`; both in hexadecimal."""

    controller: Name
    vendor: Vendor
    data: Octets = ""

    def command(self) -> Command:
        vendor, data = bytes.fromhex(self.vendor), bytes.fromhex(self.data)
        return AskMaker(ControllerId(self.controller), vendor, data)


class KeepCardActiveArgs(Args):
    """`controller.keep_active`."""

    controller: Name
    seconds: Annotated[float, Field(ge=0, le=60)]

    def command(self) -> Command:
        return KeepCardActive(ControllerId(self.controller), self.seconds)


class ShowTextArgs(Args):
    """`door.text`."""

    door: Name
    text: Text
    seconds: Annotated[int, Field(ge=1, le=255)] = 5

    def command(self) -> Command:
        return ShowText(DoorId(self.door), self.text, self.seconds)


class AcceptControllerArgs(Args):
    """`controller.accept`; the serial number is as the audit shows it."""

    controller: Name
    serial: Serial

    def command(self) -> Command:
        return AcceptController(ControllerId(self.controller), self.serial.lower())


class ReadHealthArgs(Args):
    """`health.read`."""

    def command(self) -> Command:
        return ReadHealth()


A = TypeVar("A", bound=Args)


class Envelope(Model, Generic[A]):
    """What stands around the arguments: who asks, from when until when it counts."""

    id: Id
    client: Name
    issued: Instant
    expires: Instant
    args: A


ENVELOPES: Mapping[str, type[Envelope[Any]]] = {
    UnlockDoor.COMMAND: Envelope[UnlockDoorArgs],
    SetDoorMode.COMMAND: Envelope[SetDoorModeArgs],
    ApplyPermissions.COMMAND: Envelope[ApplyPermissionsArgs],
    RunAudit.COMMAND: Envelope[RunAuditArgs],
    AcceptController.COMMAND: Envelope[AcceptControllerArgs],
    ReadHealth.COMMAND: Envelope[ReadHealthArgs],
    RotateKey.COMMAND: Envelope[RotateKeyArgs],
    CommissionController.COMMAND: Envelope[CommissionArgs],
    EndCommissioning.COMMAND: Envelope[EndCommissioningArgs],
    SendFirmware.COMMAND: Envelope[SendFirmwareArgs],
    EndFirmware.COMMAND: Envelope[EndFirmwareArgs],
    AskMaker.COMMAND: Envelope[AskMakerArgs],
    KeepCardActive.COMMAND: Envelope[KeepCardActiveArgs],
    ShowText.COMMAND: Envelope[ShowTextArgs],
}


# --- in: requests -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a payload is no request. `id` and `client` as far as they could be read."""

    code: ErrorCode
    message: str
    id: RequestId | None = None
    client: ClientId | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it was written; not yet judged by the clock."""

    id: RequestId
    client: ClientId
    issued: datetime
    expires: datetime
    command: Command


def decode_request(command: str, payload: bytes) -> Call | Refusal:
    """Read a request for `command`, whole, or say what is wrong with it."""
    document = _read(payload)
    if isinstance(document, _Unreadable):
        return Refusal(ErrorCode.INVALID_REQUEST, str(document))
    model = ENVELOPES.get(command)
    if model is None:
        return _refuse(document, ErrorCode.UNKNOWN_COMMAND, "there is no such command")
    try:
        envelope = model.model_validate(document)
    except ValidationError as error:
        return _refuse(document, ErrorCode.INVALID_REQUEST, _mistakes(error))
    return Call(
        RequestId(envelope.id),
        ClientId(envelope.client),
        envelope.issued,
        envelope.expires,
        envelope.args.command(),
    )


def untimely(call: Call, utc: datetime) -> Refusal | None:
    """Judge a request by the clock; None: it counts now."""

    def refuse(code: ErrorCode, message: str) -> Refusal:
        return Refusal(code, message, call.id, call.client)

    if not timedelta() < call.expires - call.issued <= LONGEST_VALIDITY:
        limit = f"{LONGEST_VALIDITY.total_seconds():.0f} s"
        return refuse(ErrorCode.INVALID_REQUEST, f"expires: must be 0 to {limit} after issued")
    if utc >= call.expires:
        return refuse(ErrorCode.REQUEST_EXPIRED, f"it is {instant(utc)}; compare clocks")
    if call.issued - utc > EARLIEST:
        return refuse(ErrorCode.REQUEST_EARLY, f"it is only {instant(utc)}; compare clocks")
    return None


class _Unreadable(ValueError):
    """Not JSON as we take it. The text is for the sender."""


def _read(payload: bytes) -> dict[str, Any] | _Unreadable:
    try:
        return _object(payload)
    except _Unreadable as error:
        return error
    except RecursionError:
        return _Unreadable("JSON: nested too deeply")
    except UnicodeError:
        return _Unreadable("not UTF-8")
    except json.JSONDecodeError as error:  # its text is a constant sentence and a position
        return _Unreadable(f"JSON: {error.msg} at character {error.pos}")
    except ValueError:  # a number of thousands of digits
        return _Unreadable("JSON: a number is too long")


def _object(payload: bytes) -> dict[str, Any]:
    if len(payload) > LARGEST_REQUEST:
        raise _Unreadable(f"longer than {LARGEST_REQUEST} bytes")
    document = json.loads(
        payload.decode(),
        object_pairs_hook=_no_duplicates,
        parse_constant=_no_constant,
        parse_float=_finite,
    )
    if not isinstance(document, dict):
        raise _Unreadable("must be a JSON object")
    if _deeper_than(DEEPEST, document):
        raise _Unreadable(f"JSON: nested deeper than {DEEPEST}")
    if _SURROGATE.search(payload):
        json.dumps(document, ensure_ascii=False).encode()  # UnicodeEncodeError if one is alone
    return document


_SURROGATE = re.compile(rb"\\u[dD][89abAB]|\\u[dD][c-fC-F]")


def _deeper_than(limit: int, document: dict[str, Any]) -> bool:
    """Look at one level of arrays and objects after the other."""
    level: list[Any] = [document]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True


def _no_duplicates(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            raise _Unreadable(f"JSON: key {_shown(key)} stands twice in one object")
        table[key] = value
    return table


def _no_constant(name: str) -> object:
    raise _Unreadable(f"JSON: {name} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _Unreadable("JSON: a number is too large")
    return value


def _refuse(document: Mapping[str, Any], code: ErrorCode, message: str) -> Refusal:
    """Refuse to whoever the document says it is from, if it says so well enough."""
    id_, client = document.get("id"), document.get("client")
    return Refusal(
        code,
        message,
        RequestId(id_) if isinstance(id_, str) and REQUEST_ID.fullmatch(id_) else None,
        ClientId(client) if isinstance(client, str) and NAME.fullmatch(client) else None,
    )


def _shown(key: str) -> str:
    """A key of the sender's, short and harmless."""
    return key if REQUEST_ID.fullmatch(key) else ascii(key[:32])


# --- in: what is wrong ----------------------------------------------------------------------

_REASONS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "list_type": "must be a list",
}


def _mistakes(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    text = "; ".join(f"{_where(each)}: {_reason(each)}" for each in found[:MOST_MISTAKES])
    return (
        f"{text}; and {len(found) - MOST_MISTAKES} more" if len(found) > MOST_MISTAKES else text
    )


def _where(error: ErrorDetails) -> str:
    parts = (str(part) for part in error["loc"] if part != "[key]")
    return ".".join(map(_shown, parts)) or "request"


def _reason(error: ErrorDetails) -> str:
    known = _REASONS.get(error["type"])
    return known or error["msg"].replace("Input should", "must")
