"""A signed request acts once, in its time, and never because something was forgotten.

Numbers in names are those of the checks in docs/security/requests.md.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gatewayd.core.access.state_values import Value
from gatewayd.core.claims import HIGHEST_COUNTER, Claims
from gatewayd.core.model import ClientId, Moment, RequestId
from gatewayd.core.nonces import LIFE
from gatewayd.core.replay import (
    KEY,
    LONGEST_VALIDITY,
    MARGIN,
    WINDOW,
    Accepted,
    Refusal,
    Replay,
    Seen,
    Stale,
    restore,
    to_entry,
)

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
OFFICE, GATE = ClientId("office"), ClientId("gate")
NOW = Moment(10_000.0, NOON)
SECOND = timedelta(seconds=1)


def later(seconds: float, now: Moment = NOW, *, trusted: bool = True) -> Moment:
    return Moment(now.mono + seconds, now.utc + timedelta(seconds=seconds), trusted)


def claims(
    counter: int = 1,
    *,
    issued: datetime = NOON,
    lasts: float = 10.0,
    id_: str | None = None,
    client: ClientId = OFFICE,
    nonce: str | None = None,
) -> Claims:
    expires = issued + timedelta(seconds=lasts)
    name = RequestId(id_ or f"r{counter}")
    return Claims(client, name, counter, issued, expires, "door.unlock", {}, nonce)


def running(seen: Mapping[ClientId, Seen] | None = None) -> Replay:
    """Return the memory of a gateway that has been running for an hour."""
    return Replay({OFFICE: Seen(0)} if seen is None else seen, NOW.mono - 3600)


def code(answer: Accepted | Refusal) -> Stale | None:
    if isinstance(answer, Accepted):
        return None
    assert answer.message
    return answer.code


def test_a_new_request_counts_until_it_expires_and_is_kept() -> None:
    answer = running().accept(claims(17), later(4.0))
    assert answer == Accepted((KEY + OFFICE, {"counter": 17, "ids": ["r17"]}), NOW.mono + 10.0)


# --- 16: redelivered, doubled, expired, future-dated, after a restart -------------------


def test_16_the_same_request_again_does_not_count() -> None:
    replay = running()
    assert code(replay.accept(claims(1), NOW)) is None
    assert code(replay.accept(claims(1), NOW)) is Stale.DUPLICATE
    assert code(replay.accept(claims(2, id_="r1"), NOW)) is Stale.DUPLICATE


def test_16_a_counter_only_rises() -> None:
    replay = running()
    assert code(replay.accept(claims(5), NOW)) is None
    refusal = replay.accept(claims(4), NOW)
    assert refusal == Refusal(Stale.COUNTER, "counter: must be above 5")
    assert code(replay.accept(claims(5, id_="another"), NOW)) is Stale.COUNTER
    assert code(replay.accept(claims(HIGHEST_COUNTER), NOW)) is None


def test_16_so_many_ids_are_remembered_and_the_counter_does_the_rest() -> None:
    replay = running()
    for counter in range(1, WINDOW + 2):
        answer = replay.accept(claims(counter), NOW)
    assert isinstance(answer, Accepted)
    value = answer.entry[1]
    assert value is not None
    assert value["ids"] == [f"r{each}" for each in range(2, WINDOW + 2)]
    assert code(replay.accept(claims(2), NOW)) is Stale.DUPLICATE
    assert code(replay.accept(claims(1), NOW)) is Stale.COUNTER


def test_16_clients_do_not_spend_each_others_counters() -> None:
    replay = running({OFFICE: Seen(5), GATE: Seen(2)})
    assert code(replay.accept(claims(3, client=GATE), NOW)) is None
    assert code(replay.accept(claims(3), NOW)) is Stale.COUNTER


@pytest.mark.parametrize(
    ("after", "expected"), [(9.999, None), (10.0, Stale.EXPIRED), (1e5, Stale.EXPIRED)]
)
def test_16_what_has_expired_does_not_count(after: float, expected: Stale | None) -> None:
    assert code(running().accept(claims(), later(after))) is expected


@pytest.mark.parametrize(("before", "expected"), [(30.0, None), (30.001, Stale.EARLY)])
def test_16_what_is_from_the_future_does_not_count(
    before: float, expected: Stale | None
) -> None:
    assert code(running().accept(claims(), later(-before))) is expected


@pytest.mark.parametrize(
    ("lasts", "expected"),
    [
        (0.001, None),
        (300.0, None),
        (0.0, Stale.INVALID),
        (-1, Stale.INVALID),
        (300.001, Stale.INVALID),
        (1e6, Stale.INVALID),
    ],
)
def test_16_no_request_lasts_long(lasts: float, expected: Stale | None) -> None:
    assert code(running().accept(claims(lasts=lasts), NOW)) is expected


def test_16_a_refused_request_spends_nothing() -> None:
    replay = running()
    for bad in (claims(9, lasts=0), claims(9, issued=NOON + timedelta(hours=1))):
        assert code(replay.accept(bad, NOW)) is not None
    assert code(replay.accept(claims(1), NOW)) is None


# --- 16: the memory is lost, or older than it should be ---------------------------------


def test_16_a_client_of_whom_nothing_is_remembered_needs_a_nonce() -> None:
    replay = running({})
    assert code(replay.accept(claims(5), NOW)) is Stale.NONCE_NEEDED
    nonce = replay.nonce(OFFICE, bytes(16), NOW)
    assert code(replay.accept(claims(6, nonce=nonce), NOW)) is None
    assert code(replay.accept(claims(5), NOW)) is Stale.COUNTER
    assert code(replay.accept(claims(7), NOW)) is None


def test_16_what_may_be_older_than_this_run_needs_a_nonce() -> None:
    replay = Replay({OFFICE: Seen(1)}, NOW.mono)
    margin = MARGIN.total_seconds()
    soon = later(margin - 0.001)
    assert code(replay.accept(claims(2, issued=soon.utc), soon)) is Stale.NONCE_NEEDED
    then = later(margin)
    assert code(replay.accept(claims(2, issued=then.utc - SECOND), then)) is Stale.NONCE_NEEDED
    assert code(replay.accept(claims(2, issued=then.utc), then)) is None


def test_16_how_old_a_run_is_does_not_depend_on_a_clock_that_was_wrong_at_its_start() -> None:
    """Begun by a wrong clock, right now: what was issued before it began is still known."""
    replay = Replay({OFFICE: Seen(1)}, NOW.mono - 60)
    before = claims(2, issued=NOON - timedelta(seconds=61), lasts=300)
    assert code(replay.accept(before, NOW)) is Stale.NONCE_NEEDED


def test_16_while_the_clock_is_not_trusted_only_a_nonce_counts() -> None:
    replay = running()
    uncertain = later(-4e6, trusted=False)
    assert code(replay.accept(claims(1), uncertain)) is Stale.NONCE_NEEDED
    nonce = replay.nonce(OFFICE, bytes(16), uncertain)
    accepted = replay.accept(claims(1, nonce=nonce), uncertain)
    assert isinstance(accepted, Accepted)
    assert accepted.expires == uncertain.mono + 10.0


def test_16_a_nonce_ends_what_it_stands_for() -> None:
    replay = running()
    nonce = replay.nonce(OFFICE, bytes(16), NOW)
    late = later(LIFE - 1.0, trusted=False)
    accepted = replay.accept(claims(1, lasts=300, nonce=nonce), late)
    assert isinstance(accepted, Accepted)
    assert accepted.expires == NOW.mono + LIFE


def test_16_a_nonce_that_does_not_count_is_no_request_without_one() -> None:
    replay = running()
    assert code(replay.accept(claims(1, nonce="made up"), NOW)) is Stale.NONCE_REFUSED
    theirs = replay.nonce(GATE, bytes(16), NOW)
    assert code(replay.accept(claims(1, nonce=theirs), NOW)) is Stale.NONCE_REFUSED
    old = replay.nonce(OFFICE, bytes(16), NOW)
    assert code(replay.accept(claims(1, nonce=old), later(LIFE))) is Stale.NONCE_REFUSED


def test_16_a_replay_does_not_use_up_a_nonce() -> None:
    replay = running({OFFICE: Seen(5)})
    nonce = replay.nonce(OFFICE, bytes(16), NOW)
    assert code(replay.accept(claims(5, nonce=nonce), NOW)) is Stale.COUNTER
    assert code(replay.accept(claims(6, lasts=999, nonce=nonce), NOW)) is Stale.INVALID
    assert code(replay.accept(claims(6, nonce=nonce), NOW)) is None


def test_who_is_not_registered_any_more_is_forgotten() -> None:
    replay = running({OFFICE: Seen(5), GATE: Seen(2)})
    nonce = replay.nonce(OFFICE, bytes(16), NOW)
    assert replay.keep_only({GATE}) == ((KEY + OFFICE, None),)
    assert replay.keep_only({GATE}) == ()
    assert code(replay.accept(claims(6, nonce=nonce), NOW)) is Stale.NONCE_REFUSED
    assert code(replay.accept(claims(6), NOW)) is Stale.NONCE_NEEDED
    assert code(replay.accept(claims(3, client=GATE), NOW)) is None


# --- what is kept -----------------------------------------------------------------------


def test_what_was_kept_comes_back() -> None:
    ids = tuple(RequestId(f"{each}" * 64) for each in range(9)) + (RequestId("a"),) * 7
    assert len(ids) == WINDOW
    seen = {OFFICE: Seen(17, ids), GATE: Seen(HIGHEST_COUNTER)}
    entries = [to_entry(client, each) for client, each in seen.items()]
    assert restore([(key, value) for key, value in entries if value is not None]) == seen


GOOD: Value = {"counter": 1, "ids": []}


@pytest.mark.parametrize("client", ["x", "x" * 64])
def test_the_shortest_and_the_longest_name_come_back(client: str) -> None:
    assert restore([(KEY + client, GOOD)]) == {client: Seen(1)}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("request/", GOOD),
        ("request", GOOD),
        ("other/x", GOOD),
        ("request/" + "x" * 65, GOOD),
        ("request/x", {}),
        ("request/x", {"counter": 0, "ids": []}),
        ("request/x", {"counter": HIGHEST_COUNTER + 1, "ids": []}),
        ("request/x", {"counter": True, "ids": []}),
        ("request/x", {"counter": "1", "ids": []}),
        ("request/x", {"counter": 1}),
        ("request/x", {"counter": 1, "ids": "a"}),
        ("request/x", {"counter": 1, "ids": ["a"] * (WINDOW + 1)}),
        ("request/x", {"counter": 1, "ids": [1]}),
        ("request/x", {"counter": 1, "ids": [""]}),
        ("request/x", {"counter": 1, "ids": ["a" * 65]}),
        ("request/x", {"counter": 1, "ids": [], "more": 1}),
    ],
)
def test_what_makes_no_sense_is_named(key: str, value: Value) -> None:
    with pytest.raises(ValueError, match=f"^state '{key[:20]}"):
        restore([(key, value)])


def test_the_longest_request_fits_where_it_is_kept() -> None:
    longest = replace(claims(HIGHEST_COUNTER), id=RequestId("x" * 64))
    seen = Seen(longest.counter, (longest.id,) * WINDOW)
    assert len(repr(to_entry(OFFICE, seen)[1])) < 4096
    assert timedelta(seconds=300) == LONGEST_VALIDITY
