"""A nonce counts for one client, once, and for a minute."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gatewayd.core.model import ClientId
from gatewayd.core.nonces import LIFE, MOST_EACH, SIZE, Nonces

OFFICE, GATE = ClientId("office"), ClientId("gate")


def chance(number: int) -> bytes:
    return number.to_bytes(SIZE, "big")


def test_a_nonce_counts_once() -> None:
    nonces = Nonces()
    nonce = nonces.issue(OFFICE, chance(1), 100.0)
    assert nonce == f"{1:032x}"
    assert nonces.use(OFFICE, nonce, 101.0) == 100.0 + LIFE
    assert nonces.use(OFFICE, nonce, 101.0) is None


def test_a_nonce_counts_for_a_minute() -> None:
    nonces = Nonces()
    nonce, other = (nonces.issue(OFFICE, chance(each), 100.0) for each in (1, 2))
    assert nonces.use(OFFICE, nonce, 159.9) == 160.0
    assert nonces.use(OFFICE, other, 160.0) is None


def test_a_nonce_counts_for_whom_it_was_given() -> None:
    nonces = Nonces()
    nonce = nonces.issue(OFFICE, chance(1), 100.0)
    assert nonces.use(GATE, nonce, 100.0) is None
    assert nonces.use(OFFICE, "another", 100.0) is None
    assert nonces.use(OFFICE, nonce, 100.0) is not None


def test_who_asks_on_and_on_loses_only_its_own() -> None:
    nonces = Nonces()
    others = nonces.issue(GATE, chance(1), 100.0)
    own = [nonces.issue(OFFICE, chance(each), 100.0) for each in range(2, 8)]
    assert nonces.use(GATE, others, 100.0) is not None
    counts = [nonces.use(OFFICE, each, 100.0) is not None for each in own]
    assert counts == [False, False, True, True, True, True]


def test_who_is_gone_is_forgotten() -> None:
    nonces = Nonces()
    nonce = nonces.issue(OFFICE, chance(1), 100.0)
    kept = nonces.issue(GATE, chance(2), 100.0)
    nonces.keep_only({GATE})
    assert nonces.use(OFFICE, nonce, 100.0) is None
    assert nonces.use(GATE, kept, 100.0) is not None


@pytest.mark.parametrize("content", [b"", bytes(15), bytes(17)])
def test_a_nonce_is_made_of_enough_chance(content: bytes) -> None:
    with pytest.raises(ValueError, match="16 random bytes"):
        Nonces().issue(OFFICE, content, 0.0)


class AnyUse(RuleBasedStateMachine):
    """Beside a list of all that was ever given."""

    def __init__(self) -> None:
        super().__init__()
        self.nonces = Nonces()
        self.mono = 0.0
        self.given: list[tuple[ClientId, str, float]] = []
        self.used: set[str] = set()

    @rule(client=st.sampled_from([OFFICE, GATE]))
    def ask(self, client: ClientId) -> None:
        nonce = self.nonces.issue(client, chance(len(self.given)), self.mono)
        self.given.append((client, nonce, self.mono))

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds: float) -> None:
        self.mono += seconds

    @rule(data=st.data(), client=st.sampled_from([OFFICE, GATE]))
    def use(self, data: st.DataObject, client: ClientId) -> None:
        if not self.given:
            return
        whose, nonce, at = data.draw(st.sampled_from(self.given))
        counts = self.nonces.use(client, nonce, self.mono) is not None
        newer = [each for each in self.given if each[0] == whose]
        recent = (whose, nonce, at) in newer[-MOST_EACH:]
        fine = client == whose and nonce not in self.used and self.mono < at + LIFE
        assert not counts or fine
        assert counts or not (fine and recent)
        if client == whose:
            self.used.add(nonce)

    @invariant()
    def few_are_held(self) -> None:
        assert all(0 < len(own) <= MOST_EACH for own in self.nonces._given.values())


TestAnyUse = AnyUse.TestCase
