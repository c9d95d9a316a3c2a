"""Signed requests and detached signatures: anything, and anything under a good signature.

The first byte says where the rest goes: as it is, as the payload, as the header, or beside
what the gateway publishes. A signature that is needed is made.
"""

import json

from gatewayd.core.claims import Claims
from gatewayd.edge.detached_jws import NotSaid, verify_detached
from gatewayd.edge.request_jws import Refusal, claims_of
from tests.edge.jws_kit import CLIENT, GATEWAY, HEADER, PAYLOAD, by_hand, known, text, token

TOPIC = "gatewayd/hq/doors/lobby"


def signed(data: bytes) -> None:
    """Claims or a refusal in words; and nobody signed for the gateway."""
    how, rest = data[:1], data[1:]
    match how[0] % 4 if how else 0:
        case 0:
            _refused(rest)
        case 1:
            answer = _taken(by_hand(json.dumps(HEADER).encode(), rest))
            assert answer.client == CLIENT
        case 2:
            answer = _taken(by_hand(rest, json.dumps(PAYLOAD).encode()))
            assert isinstance(answer, Refusal) or answer.command == "door.unlock"
        case _:
            _not_said(rest)


def _taken(request: bytes) -> Claims | Refusal:
    answer = claims_of(request, command="door.unlock", site="hq", keys=known)
    assert isinstance(answer, Claims) or answer.message.isprintable()
    return answer


def _refused(request: bytes) -> None:
    assert isinstance(_taken(request), Refusal) or request == token()


def _not_said(header: bytes) -> None:
    whole = by_hand(header, b"{}", GATEWAY).decode()
    head, _, signature = whole.split(".")
    if (said := _said(f"{head}..{signature}")) is None:
        assert json.loads(header)["topic"] == TOPIC
    else:
        assert said.isprintable()
    assert _said(text(header)) is not None


def _said(jws: str) -> str | None:
    """Return what is wrong with a signature, if anything is."""
    try:
        verify_detached(jws, TOPIC, b"{}", GATEWAY.public)
    except NotSaid as error:
        return f"{error}"
    return None


def begin() -> list[bytes]:
    """Return where a fuzzer begins."""
    said = {
        "kid": GATEWAY.thumbprint,
        "alg": "EdDSA",
        "typ": "gatewayd-state+jws",
        "counter": 1,
    }
    said |= {"topic": TOPIC, "time": "2030-01-01T12:00:00Z"}
    return [
        b"\x00" + token(),
        b"\x01" + json.dumps(PAYLOAD).encode(),
        b"\x02" + json.dumps(HEADER).encode(),
        b"\x03" + json.dumps(said).encode(),
    ]
