"""JSON out of the core's values: events, retained state, answers.

The core's dataclasses as pydantic lays them out, one serializer per class, built at import.
An event gets its number, time and kind in front; encoding one never fails, because an event
that cannot be written is an event that is lost. What comes in is read in `calls`.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, get_args

import structlog
from pydantic import TypeAdapter
from pydantic_core import to_json

from gatewayd.core.actions import Answer, PermissionsView
from gatewayd.core.events import Event
from gatewayd.core.model import AuditReport, ControllerView, DoorView, Moment

log = structlog.get_logger()

LONGEST_MESSAGE = 300  # characters of an error message


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
    """For `R/status`. `online` is False in the will and after a stop; `why` says which.

    `encryption_key`: what PINs are encrypted to, a public JWK (RFC 7517).
    """

    online: bool
    version: str
    trust: str
    since: datetime | None = None  # start of the process
    mqtt: str | None = None  # "5" or "3.1.1"
    why: str = ""
    encryption_key: Mapping[str, str] | None = None


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
