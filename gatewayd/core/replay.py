"""Whether a signed request is new: nothing acts twice, and nothing acts late.

A request counts if its counter is above every one its client used before, and it is fresh:

* by the clock: it was issued at most 30 s in the future, and has not expired;
* or by a nonce that this gateway gave the client a moment ago (`nonces`). That is the only
  way while the clock is not trusted, for a client of whom nothing is remembered (a new one,
  or one whose memory was lost), and for what was issued before this run of the gateway had
  begun: its memory may be older than the request, as after an old disk image was restored.

So a memory that is lost or old fails closed, and one request with a nonce makes it good again.
The counter is spent before anything else is done with a request and stays spent, whatever comes
of that. The last ids of a client only tell a request that came twice from one that is out of
turn; safety rests on the counter.

    request/<thumbprint>    {"counter": 17, "ids": ["r-0001", "r-0002"]}
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from gatewayd.core.access.state_values import Entry, Value, stamp
from gatewayd.core.claims import HIGHEST_COUNTER, Claims
from gatewayd.core.model import ClientId, Moment, RequestId
from gatewayd.core.nonces import Nonces

KEY = "request/"  # begins the keys of what is kept
EARLIEST = timedelta(seconds=30)  # how far in the future `issued` may lie
LONGEST_VALIDITY = timedelta(seconds=300)  # from `issued` to `expires`
MARGIN = timedelta(seconds=40)  # a client's clock ahead (EARLIEST), ours put back a little
WINDOW = 16  # ids of a client that are remembered
LONGEST_ID = 64  # characters


class Stale(StrEnum):
    """Why a request does not count. Stable."""

    INVALID = "invalid_request"
    EXPIRED = "request_expired"
    EARLY = "request_early"
    DUPLICATE = "duplicate_request"
    COUNTER = "counter_used"
    NONCE_NEEDED = "nonce_needed"
    NONCE_REFUSED = "nonce_refused"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request does not count, and how to do better."""

    code: Stale
    message: str


class Seen(NamedTuple):
    """What is remembered of a client."""

    counter: int
    ids: tuple[RequestId, ...] = ()  # the newest last


class Accepted(NamedTuple):
    """A request counts until `expires` (monotonic). Nothing moves before `entry` is kept."""

    entry: Entry
    expires: float


class Replay:
    """What was seen of every client."""

    def __init__(self, seen: Mapping[ClientId, Seen], began: float) -> None:
        """Begin with what was kept. `began` is when this run did (monotonic)."""
        self._seen = dict(seen)
        self._nonces = Nonces()
        self._began = began

    def nonce(self, client: ClientId, chance: bytes, now: Moment) -> str:
        """Give a registered client a nonce out of 16 random bytes."""
        return self._nonces.issue(client, chance, now.mono)

    def accept(self, claims: Claims, now: Moment) -> Accepted | Refusal:
        """Say whether a request counts, and if it does, never again."""
        return self._old(claims) or self._timely(claims, now)

    def keep_only(self, clients: Container[ClientId]) -> tuple[Entry, ...]:
        """Forget everybody else, and return what is to be kept of that."""
        gone = [each for each in self._seen if each not in clients]
        for each in gone:
            del self._seen[each]
        self._nonces.keep_only(clients)
        return tuple((KEY + each, None) for each in gone)

    def _old(self, claims: Claims) -> Refusal | None:
        seen = self._seen.get(claims.client)
        if seen is None:
            return None
        if claims.id in seen.ids:
            return Refusal(Stale.DUPLICATE, "this id was used before; nothing was done")
        if claims.counter <= seen.counter:
            return Refusal(Stale.COUNTER, f"counter: must be above {seen.counter}")
        return None

    def _timely(self, claims: Claims, now: Moment) -> Accepted | Refusal:
        lasts = claims.expires - claims.issued
        if not timedelta() < lasts <= LONGEST_VALIDITY:
            limit = f"{LONGEST_VALIDITY.total_seconds():.0f} s"
            return Refusal(Stale.INVALID, f"expires: must be 0 to {limit} after issued")
        if claims.nonce is not None:
            return self._by_nonce(claims, claims.nonce, lasts, now)
        if (why := self._why_nonce(claims, now)) is not None:
            return Refusal(Stale.NONCE_NEEDED, f"{why}: ask for a nonce")
        if (untimely := _untimely(claims, now.utc)) is not None:
            return untimely
        return self._take(claims, now.mono + (claims.expires - now.utc).total_seconds())

    def _by_nonce(
        self, claims: Claims, nonce: str, lasts: timedelta, now: Moment
    ) -> Accepted | Refusal:
        """Judge without a clock: it is younger than its nonce."""
        ends = self._nonces.use(claims.client, nonce, now.mono)
        if ends is None:
            text = "nonce: is none that counts for this client now; ask for one"
            return Refusal(Stale.NONCE_REFUSED, text)
        return self._take(claims, min(ends, now.mono + lasts.total_seconds()))

    def _why_nonce(self, claims: Claims, now: Moment) -> str | None:
        """Say why time alone cannot tell that a request is new."""
        if not now.trusted:
            return "the gateway's clock is not trusted"
        if claims.client not in self._seen:
            return "the gateway remembers nothing of this client"
        run = timedelta(seconds=now.mono - self._began)
        if now.utc - claims.issued > run - MARGIN:
            return "it may be older than what the gateway remembers of this client"
        return None

    def _take(self, claims: Claims, expires: float) -> Accepted:
        before = self._seen.get(claims.client, Seen(0))
        seen = Seen(claims.counter, (*before.ids, claims.id)[-WINDOW:])
        self._seen[claims.client] = seen
        return Accepted(to_entry(claims.client, seen), expires)


def _untimely(claims: Claims, utc: datetime) -> Refusal | None:
    if utc >= claims.expires:
        return Refusal(Stale.EXPIRED, f"it is {stamp(utc)}; compare clocks")
    if claims.issued - utc > EARLIEST:
        return Refusal(Stale.EARLY, f"it is only {stamp(utc)}; compare clocks")
    return None


# --- what is kept ---------------------------------------------------------------------


def to_entry(client: ClientId, seen: Seen) -> Entry:
    """Return what is remembered of a client as key and value."""
    return KEY + client, {"counter": seen.counter, "ids": list(seen.ids)}


def restore(entries: Iterable[tuple[str, Value]]) -> dict[ClientId, Seen]:
    """Return what was kept. Raises `ValueError`, which names the key.

    Whoever leaves out an entry that makes no sense forgets that client, who then needs a nonce.
    """
    return {_client(key): _seen(key, value) for key, value in entries}


def _client(key: str) -> ClientId:
    client = key.removeprefix(KEY)
    if client == key or not 0 < len(client) <= LONGEST_ID:
        raise ValueError(f"state {key[:LONGEST_ID]!r}: there is no such key")
    return ClientId(client)


def _seen(key: str, value: Value) -> Seen:
    counter, ids = value.get("counter"), value.get("ids")
    if type(counter) is not int or not 0 < counter <= HIGHEST_COUNTER:
        raise ValueError(f"state {key[:LONGEST_ID]!r}: counter is no number of 1 to 2^53 - 1")
    if value.keys() != {"counter", "ids"} or not isinstance(ids, list) or len(ids) > WINDOW:
        raise ValueError(f"state {key[:LONGEST_ID]!r}: ids are not up to {WINDOW} ids")
    if not all(isinstance(each, str) and 0 < len(each) <= LONGEST_ID for each in ids):
        raise ValueError(f"state {key[:LONGEST_ID]!r}: ids are no texts")
    return Seen(counter, tuple(map(RequestId, ids)))
