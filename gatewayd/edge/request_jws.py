"""A signed request: a compact JWS becomes claims, or a refusal with a code.

    header   {"alg": "EdDSA", "typ": "gatewayd-request+jws", "kid": thumbprint of the key}
    payload  {"id", "site", "command", "counter", "issued", "expires", "args"}, perhaps "nonce"

What a stranger can make us do is little and bounded: the size, then a header of 512
characters, then a look into the table of keys. The payload is hashed only for a key that is
registered, and read only once the signature fits. A header has these three keys and no others,
so nothing in it brings a key along (`jwk`, `jku`, `x5c`), takes the signature away (`none`),
changes what is signed (`b64`) or must be understood (`crit`).

A refusal names client and id only once the signature fits: before that anybody could have
written them. It never stands for a default action.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, ValidationError

from gatewayd.core.claims import HIGHEST_COUNTER, Claims
from gatewayd.core.model import ClientId, RequestId
from gatewayd.edge.compact_jws import ALGORITHMS, content, header_of, header_segment
from gatewayd.edge.ed25519 import THUMBPRINT, PublicKey
from gatewayd.edge.request_json import LARGEST_REQUEST, Unreadable, read
from gatewayd.edge.request_mistakes import in_words
from gatewayd.edge.request_values import REQUEST_ID, Id, Instant, Model, Name

TYPE = "gatewayd-request+jws"
LONGEST = LARGEST_REQUEST  # characters of a token
LONGEST_NONCE = 64  # characters

_HEADER = frozenset({"alg", "typ", "kid"})

Keys = Callable[[ClientId], PublicKey | None]


class Wrong(StrEnum):
    """What can be wrong with a token. Stable."""

    TOO_LONG = "request_too_long"
    NOT_SIGNED = "not_signed"
    BAD_HEADER = "bad_header"
    WRONG_ALGORITHM = "wrong_algorithm"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    INVALID_REQUEST = "invalid_request"
    WRONG_SITE = "wrong_site"
    WRONG_COMMAND = "wrong_command"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a token is no request. `client` signed it, and called it `id`, if they are given."""

    code: Wrong
    message: str
    client: ClientId | None = None
    id: RequestId | None = None


class _Payload(Model):
    """What is signed."""

    id: Id
    site: Name
    command: Name
    counter: Annotated[int, Field(ge=1, le=HIGHEST_COUNTER)]
    issued: Instant
    expires: Instant
    args: dict[str, Any]
    nonce: Annotated[str, Field(min_length=1, max_length=LONGEST_NONCE)] | None = None


def claims_of(token: bytes, *, command: str, site: str, keys: Keys) -> Claims | Refusal:
    """Verify what came in on the topic of `command` for `site`.

    `keys` returns the key of a client that may ask at all, None for any other.
    """
    client = _signer(token)
    if isinstance(client, Refusal):
        return client
    key = keys(client)
    if key is None:
        text = f"the key {client} is not registered here, or not any more"
        return Refusal(Wrong.UNKNOWN_KEY, text)
    body = content(token, key)
    if body is None:
        return Refusal(Wrong.BAD_SIGNATURE, "the signature does not fit what it stands under")
    return _claims(body, client, command, site)


def _signer(token: bytes) -> ClientId | Refusal:
    """Say who is said to have signed it, if everything outside the payload is in order."""
    if len(token) > LONGEST:
        return Refusal(Wrong.TOO_LONG, f"longer than {LONGEST} bytes")
    segment = header_segment(token)
    if segment is None:
        return Refusal(Wrong.NOT_SIGNED, "this is no compact JWS with an Ed25519 signature")
    header = header_of(segment)
    if isinstance(header, str):
        return Refusal(Wrong.BAD_HEADER, f"header: {header}")
    return _judged(header)


def _judged(header: Mapping[str, Any]) -> ClientId | Refusal:
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        return Refusal(Wrong.WRONG_ALGORITHM, "header: alg must be EdDSA or Ed25519")
    if strange := sorted(header.keys() - _HEADER):
        return Refusal(Wrong.BAD_HEADER, f"header: must not have {strange[0][:32]!a}")
    if header.get("typ") != TYPE:
        return Refusal(Wrong.BAD_HEADER, f"header: typ must be {TYPE}")
    if not isinstance(kid, str) or not THUMBPRINT.fullmatch(kid):
        text = "header: kid must be the key's thumbprint (RFC 7638, SHA-256, base64url)"
        return Refusal(Wrong.BAD_HEADER, text)
    return ClientId(kid)


def _claims(body: bytes, client: ClientId, command: str, site: str) -> Claims | Refusal:
    document = read(body)
    if isinstance(document, Unreadable):
        return Refusal(Wrong.INVALID_REQUEST, str(document), client)
    id_ = _id_of(document)
    try:
        said = _Payload.model_validate(document)
    except ValidationError as error:
        return Refusal(Wrong.INVALID_REQUEST, in_words(error), client, id_)
    if said.site != site:
        return Refusal(Wrong.WRONG_SITE, f"it was signed for {said.site}", client, id_)
    if said.command != command:
        text = f"it was signed as {said.command}"
        return Refusal(Wrong.WRONG_COMMAND, text, client, id_)
    return Claims(
        client,
        RequestId(said.id),
        said.counter,
        said.issued,
        said.expires,
        said.command,
        said.args,
        said.nonce,
    )


def _id_of(document: Mapping[str, Any]) -> RequestId | None:
    found = document.get("id")
    return RequestId(found) if isinstance(found, str) and REQUEST_ID.fullmatch(found) else None
