"""Who gets in, and which of several reasons is given."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gatewayd.core.decide import decide
from gatewayd.core.model import Card, DoorId, DoorMode, Moment, Reason
from gatewayd.core.permissions import Grant, Permissions
from tests.core.site import ANNA, CARD, LOBBY, LOBBY_DOOR, NOON, STRANGE_CARD

DAY = timedelta(days=1)
GRANT = Grant(ANNA, frozenset({LOBBY}), valid_from=NOON - DAY, valid_until=NOON + DAY)
ELSEWHERE = replace(GRANT, doors=frozenset({DoorId("lab")}))


def reason(
    grant: Grant | None,
    card: Card = CARD,
    mode: DoorMode = DoorMode.LOCKED,
    since_noon: timedelta = timedelta(),
) -> Reason:
    held = Permissions(1, {} if grant is None else {card.decoded or card.raw: grant})
    decision = decide(LOBBY_DOOR, mode, card, held, Moment(0.0, NOON + since_noon))
    assert decision.granted == (decision.reason is Reason.GRANTED)
    return decision.reason


def test_a_known_card_opens_its_door() -> None:
    assert reason(GRANT) is Reason.GRANTED


def test_a_card_of_no_known_format_opens_by_its_raw_bits() -> None:
    assert reason(GRANT, STRANGE_CARD) is Reason.GRANTED


@pytest.mark.parametrize(
    ("grant", "card", "mode", "since_noon", "expected"),
    [
        (GRANT, CARD, DoorMode.BLOCKED, timedelta(), Reason.DOOR_BLOCKED),
        (GRANT, replace(CARD, parity_ok=False), DoorMode.LOCKED, timedelta(), "unknown_format"),
        (None, STRANGE_CARD, DoorMode.LOCKED, timedelta(), Reason.UNKNOWN_FORMAT),
        (None, CARD, DoorMode.LOCKED, timedelta(), Reason.UNKNOWN_CREDENTIAL),
        (replace(GRANT, enabled=False), CARD, "locked", timedelta(), "credential_disabled"),
        (GRANT, CARD, DoorMode.LOCKED, -2 * DAY, Reason.CREDENTIAL_NOT_YET_ACTIVE),
        (GRANT, CARD, DoorMode.LOCKED, DAY, Reason.CREDENTIAL_EXPIRED),
        (ELSEWHERE, CARD, DoorMode.LOCKED, timedelta(), Reason.NO_RIGHTS_POINT),
    ],
)
def test_every_other_card_is_told_why(
    grant: Grant | None, card: Card, mode: DoorMode, since_noon: timedelta, expected: str
) -> None:
    assert reason(grant, card, DoorMode(mode), since_noon) == expected


def test_the_first_reason_of_the_fixed_order_is_given() -> None:
    wrong = replace(ELSEWHERE, enabled=False)
    assert reason(wrong, since_noon=2 * DAY) is Reason.CREDENTIAL_DISABLED
    assert reason(ELSEWHERE, since_noon=2 * DAY) is Reason.CREDENTIAL_EXPIRED
    assert reason(wrong, mode=DoorMode.BLOCKED) is Reason.DOOR_BLOCKED


def test_a_grant_begins_with_its_first_moment_and_ends_before_its_last() -> None:
    assert reason(GRANT, since_noon=-DAY) is Reason.GRANTED
    assert reason(GRANT, since_noon=DAY - timedelta(microseconds=1)) is Reason.GRANTED


def test_an_unlocked_door_still_decides() -> None:
    assert reason(None, mode=DoorMode.UNLOCKED) is Reason.UNKNOWN_CREDENTIAL


def test_the_holder_is_named_once_the_card_is_known() -> None:
    held = Permissions(1, {"H10301:36:6765": ELSEWHERE})
    moment = Moment(0.0, NOON)
    assert decide(LOBBY_DOOR, DoorMode.LOCKED, CARD, held, moment).holder == ANNA
    assert decide(LOBBY_DOOR, DoorMode.BLOCKED, CARD, held, moment).holder is None
