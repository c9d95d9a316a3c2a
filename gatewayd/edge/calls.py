"""Requests out of JSON: read whole, or refused.

A refusal has a stable code and a sentence that names key and reason, never the payload
itself. It is a value (`Refusal`), and it never stands for a default action.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from gatewayd.core.model import ClientId, RequestId
from gatewayd.core.requests import Command, StagePart
from gatewayd.edge.payloads import ErrorCode, instant
from gatewayd.edge.permission_values import OPENS
from gatewayd.edge.pin_envelopes import MOST_PINS, Secrets
from gatewayd.edge.request_json import Unreadable, read
from gatewayd.edge.request_mistakes import in_words
from gatewayd.edge.request_models import ENVELOPES, LONGEST_VALIDITY
from gatewayd.edge.request_size import too_much
from gatewayd.edge.request_values import NAME, REQUEST_ID

EARLIEST = timedelta(seconds=30)  # how far in the future `issued` may lie


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


def decode_request(
    command: str, payload: bytes, secrets: Secrets | None = None
) -> Call | Refusal:
    """Read a request for `command`, whole, or say what is wrong with it.

    `secrets` open the PINs in it and become what is kept of them.
    """
    document = read(payload)
    if isinstance(document, Unreadable):
        return Refusal(ErrorCode.INVALID_REQUEST, str(document))
    model = ENVELOPES.get(command)
    if model is None:
        return _refuse(document, ErrorCode.UNKNOWN_COMMAND, "there is no such command")
    if command != StagePart.COMMAND and (much := too_much(document)):  # a part is sliced
        return _refuse(document, ErrorCode.INVALID_REQUEST, much)
    try:
        opens = None if secrets is None else secrets.opening(MOST_PINS)
        envelope = model.model_validate(document, context={OPENS: opens})
    except ValidationError as error:
        return _refuse(document, ErrorCode.INVALID_REQUEST, in_words(error))
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


def _refuse(document: Mapping[str, Any], code: ErrorCode, message: str) -> Refusal:
    """Refuse to whoever the document says it is from, if it says so well enough."""
    id_, client = document.get("id"), document.get("client")
    return Refusal(
        code,
        message,
        RequestId(id_) if isinstance(id_, str) and REQUEST_ID.fullmatch(id_) else None,
        ClientId(client) if isinstance(client, str) and NAME.fullmatch(client) else None,
    )
