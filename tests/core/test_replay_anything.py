"""Whatever an attacker does with what was once signed, nothing acts twice, and nothing late.

He has the broker: he keeps every request, delivers any at any time, as often as he likes. He
cuts the power, brings an old image of the disk back, or takes the memory away. He has neither
a client's key nor the clock, which may be lost or be put back a little, as clocks are.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from gatewayd.core.access.state_values import Value
from gatewayd.core.claims import Claims
from gatewayd.core.model import ClientId, Moment, RequestId
from gatewayd.core.nonces import LIFE, SIZE
from gatewayd.core.replay import Accepted, Refusal, Replay, restore

BEGIN = datetime(2030, 1, 1, 12, tzinfo=UTC)
OFFICE, GATE = ClientId("office"), ClientId("gate")
SKEW = 29  # seconds by which a client's clock may be wrong
STEP = 5  # seconds by which a trusted clock of ours may go back

TIMES = (0, 0.5, 3, 8, 20, 35, 45, 61, 120, 290)
LENGTHS = (1, 10, 60, 300)
LOST = (-100, -10, 10, 100, 100, 1e5)
SKEWS = (-SKEW, -3, 0, 3, SKEW)

Disk = dict[str, Value]


@dataclass(frozen=True)
class Signed:
    """A request, and when it was really signed."""

    claims: Claims
    at: float


@dataclass
class Signer:
    """An honest client: it counts, and never signs the same twice."""

    counter: int = 0


clients = st.sampled_from([OFFICE, GATE])
times, lengths, skews = map(st.sampled_from, (TIMES, LENGTHS, SKEWS))


class Attacker(RuleBasedStateMachine):
    """Times are true seconds since the beginning; each run has a monotonic clock of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.true = 0.0
        self.behind = 0.0  # our clock
        self.trusted = True
        self.chance = 0
        self.signers = {OFFICE: Signer(), GATE: Signer()}
        self.heard: list[Signed] = []
        self.acted: Counter[RequestId] = Counter()
        self.disk: Disk = {}
        self.images: list[Disk] = [{}]
        self.start(self.disk)
        for client in self.signers:
            assert self.taken(self.signed(client, 10, 0, self.nonce(client)))
        self.commit()
        self.images.append(dict(self.disk))
        self.true = 1000.0

    def start(self, disk: Disk) -> None:
        self.disk = dict(disk)
        self.begun = self.true
        self.pending: list[tuple[Signed, Accepted]] = []
        self.replay = Replay(restore(self.disk.items()), began=0.0)

    def now(self) -> Moment:
        utc = BEGIN + timedelta(seconds=self.true - self.behind)
        return Moment(self.true - self.begun, utc, self.trusted)

    # --- clients ------------------------------------------------------------------

    @rule(client=clients, lasts=lengths, skew=skews)
    def sign(self, client: ClientId, lasts: float, skew: float) -> None:
        self.signed(client, lasts, skew, None)

    @rule(client=clients, lasts=lengths, skew=skews)
    def sign_with_a_nonce(self, client: ClientId, lasts: float, skew: float) -> None:
        self.signed(client, lasts, skew, self.nonce(client))

    @rule(client=clients, lasts=lengths, skew=skews)
    def ask_for_a_door(self, client: ClientId, lasts: float, skew: float) -> None:
        """By the clock, or else with a nonce: whoever has the key is heard."""
        known = f"request/{client}" in self.disk and self.true - self.begun > 100
        by_clock = self.taken(self.signed(client, lasts, skew, None))
        assert by_clock or not (known and self.trusted) or skew or lasts < STEP
        assert by_clock or self.taken(self.signed(client, 10, 1e6, self.nonce(client)))
        self.commit()

    def nonce(self, client: ClientId) -> str:
        self.chance += 1
        return self.replay.nonce(client, self.chance.to_bytes(SIZE, "big"), self.now())

    def signed(self, client: ClientId, lasts: float, skew: float, nonce: str | None) -> Signed:
        own = self.signers[client]
        own.counter += 1
        issued = BEGIN + timedelta(seconds=self.true + skew)
        expires = issued + timedelta(seconds=lasts)
        name = RequestId(f"{client}-{own.counter}")
        claims = Claims(client, name, own.counter, issued, expires, "door.unlock", {}, nonce)
        self.heard.append(Signed(claims, self.true))
        return self.heard[-1]

    # --- the attacker -------------------------------------------------------------

    @rule(newest_first=st.booleans(), then=st.sampled_from(["commit", "lose", "nothing"]))
    def deliver_everything(self, *, newest_first: bool, then: str) -> None:
        for signed in self.heard[:: -1 if newest_first else 1]:
            self.taken(signed)
            assert not self.taken(signed)
        if then == "commit":
            self.commit()
        if then == "lose":
            self.start(self.disk)

    def taken(self, signed: Signed) -> bool:
        answer = self.replay.accept(signed.claims, self.now())
        if isinstance(answer, Refusal):
            return False
        self.pending.append((signed, answer))
        return True

    def commit(self) -> None:
        """What was accepted is on the disk; only then it acts."""
        self.keep_pending()
        for signed, accepted in self.pending:
            if self.true - self.begun < accepted.expires:
                self.act(signed)
        self.pending.clear()

    @rule(seconds=times)
    def wait(self, seconds: float) -> None:
        self.true += seconds

    @rule()
    def take_an_image(self) -> None:
        self.images.append(dict(self.disk))

    @rule(seconds=times, kept=st.booleans())
    def cut_the_power(self, seconds: float, *, kept: bool) -> None:
        if kept:
            self.keep_pending()
        self.true += seconds
        self.start(self.disk)

    @rule(which=st.sampled_from([0, 1, -1]), seconds=times)
    def bring_an_old_image_back(self, which: int, seconds: float) -> None:
        self.true += seconds
        self.start(self.images[which])

    @rule(client=clients)
    def register_anew(self, client: ClientId) -> None:
        """Somebody on the host takes a client away and brings it back, with the same key."""
        for key, _ in self.replay.keep_only(self.signers.keys() - {client}):
            self.disk.pop(key, None)

    @rule(behind=st.sampled_from(LOST))
    def lose_the_clock(self, behind: float) -> None:
        self.trusted, self.behind = False, behind

    @rule(behind=st.sampled_from([0, STEP]))
    def set_the_clock(self, behind: float) -> None:
        self.trusted, self.behind = True, behind

    # --- what must hold -----------------------------------------------------------

    def keep_pending(self) -> None:
        for _, accepted in self.pending:
            key, value = accepted.entry
            assert value is not None
            self.disk[key] = value

    def act(self, signed: Signed) -> None:
        claims = signed.claims
        self.acted[claims.id] += 1
        assert self.acted[claims.id] == 1, "it acts twice"
        lasts = (claims.expires - claims.issued).total_seconds()
        most = LIFE if claims.nonce else lasts + SKEW + STEP
        assert self.true - signed.at <= most, "it acts late"


TestAttacker = Attacker.TestCase


@pytest.mark.parametrize("seed", range(10))
def test_long_attacks(seed: int) -> None:
    """Hypothesis looks for short ones; here whatever comes, for long."""
    chance = Random(seed)  # noqa: S311 - an attacker who can be asked to do it again
    attacker = Attacker()

    def client() -> ClientId:
        return chance.choice([OFFICE, GATE])

    def terms() -> tuple[ClientId, float, float]:
        return client(), chance.choice(LENGTHS), chance.choice(SKEWS)

    def deliver() -> None:
        then = chance.choice(["commit", "commit", "lose", "nothing"])
        attacker.deliver_everything(newest_first=chance.random() < 0.5, then=then)

    def restart() -> None:
        if chance.random() < 0.5:
            attacker.cut_the_power(chance.choice(TIMES), kept=chance.random() < 0.5)
        else:
            attacker.bring_an_old_image_back(chance.choice([0, 1, -1]), chance.choice(TIMES))

    steps: dict[Callable[[], object], int] = {
        lambda: attacker.sign(*terms()): 4,
        lambda: attacker.sign_with_a_nonce(*terms()): 3,
        lambda: attacker.ask_for_a_door(*terms()): 4,
        deliver: 6,
        lambda: attacker.wait(chance.choice(TIMES)): 4,
        attacker.take_an_image: 1,
        restart: 1,
        lambda: attacker.register_anew(client()): 2,
        lambda: attacker.lose_the_clock(chance.choice(LOST)): 2,
        lambda: attacker.set_the_clock(chance.choice([0, STEP])): 2,
    }
    for step in chance.choices([*steps], [*steps.values()], k=500):
        step()
    assert sum(attacker.acted.values()) > 20
