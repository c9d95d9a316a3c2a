"""What the gateway says, signed: a detached JWS (RFC 7515, appendix F) over topic and payload.

    header   {"alg": "EdDSA", "kid": …, "typ": "gatewayd-state+jws",
              "topic": "gatewayd/hq/doors/lobby", "time": "2030-01-01T12:00:00.000000Z",
              "counter": 1893499200000001}

The payload stays the readable JSON that it is; what is signed is its base64url, as in any JWS.
So a library that has never heard of detached signatures verifies it too: put the base64url of
the payload between the two dots and you have a compact JWS. `b64` (RFC 7797) would spare us
that, and shut out the libraries that do not know it.

Topic, time and counter stand in the header, which is signed: what was said of one door is not
said of another, and what was said before has a lower counter.
"""

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from gatewayd.core.claims import HIGHEST_COUNTER
from gatewayd.edge.compact_jws import ALGORITHMS, content, header_of, header_segment, signed
from gatewayd.edge.ed25519 import PrivateKey, PublicKey
from gatewayd.edge.payloads import instant
from gatewayd.edge.request_mistakes import in_words
from gatewayd.edge.request_values import Instant, Model

TYPE = "gatewayd-state+jws"
LONGEST_TOPIC = 192  # characters; with the rest of the header it fits into 512

_TOPIC = re.compile(rf"[A-Za-z0-9._/-]{{1,{LONGEST_TOPIC}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Said:
    """When something was said, and as the how many-th thing."""

    time: datetime
    counter: int


class NotSaid(ValueError):
    """Why a signature is not the gateway's on this, in words."""


class _Header(Model):
    alg: str
    kid: str
    typ: Literal["gatewayd-state+jws"]
    topic: str
    time: Instant
    counter: Annotated[int, Field(ge=1, le=HIGHEST_COUNTER)]


def can_be_signed(topic: str) -> bool:
    """Say whether what is published on a topic can be signed. Ask it of topics from outside."""
    return _TOPIC.fullmatch(topic) is not None


def sign_detached(
    topic: str, payload: bytes, key: PrivateKey, *, counter: int, time: datetime
) -> str:
    """Return the signature of what is published on a topic. An empty payload has one too."""
    if not can_be_signed(topic):
        raise ValueError(
            f"a topic that is signed is 1 to {LONGEST_TOPIC} of A-Z a-z 0-9 . _ / -"
        )
    if not 0 < counter <= HIGHEST_COUNTER:
        raise ValueError("a counter is 1 to 2^53 - 1")
    header = {"typ": TYPE, "topic": topic, "time": instant(time), "counter": counter}
    head, _, signature = signed(header, payload, key).split(".")
    return f"{head}..{signature}"


def verify_detached(jws: str, topic: str, payload: bytes, key: PublicKey) -> Said:
    """Return when this payload was said on this topic. Raise NotSaid."""
    try:
        token = jws.encode("ascii")
    except UnicodeEncodeError:
        raise NotSaid("this is no detached JWS") from None
    segment = header_segment(token)
    if segment is None or token[len(segment) : len(segment) + 2] != b"..":
        raise NotSaid("this is no detached JWS")
    header = _header(segment)
    if header.alg not in ALGORITHMS:
        raise NotSaid("alg must be EdDSA or Ed25519")
    if header.kid != key.thumbprint:
        raise NotSaid("it was signed with another key than the gateway's")
    body = urlsafe_b64encode(payload).rstrip(b"=")
    whole = segment + b"." + body + token[len(segment) + 1 :]
    if content(whole, key) != payload:
        raise NotSaid("the signature does not fit this payload")
    if header.topic != topic:
        raise NotSaid("it was said on another topic")
    return Said(header.time, header.counter)


def _header(segment: bytes) -> _Header:
    header = header_of(segment)
    if isinstance(header, str):
        raise NotSaid(f"header: {header}")
    try:
        return _Header.model_validate(header)
    except ValidationError as error:
        raise NotSaid(f"header: {in_words(error)}") from None
