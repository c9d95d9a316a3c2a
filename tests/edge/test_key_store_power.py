"""Whatever moment the power goes at, the key that a unit has is still there.

Beside the store stands what it is about: a unit that takes a new key or not, in handshakes
that prove one. Before every single step on the disk all that a power cut could leave is
opened, and must be the keys before the change or those after it. Now and then the power is
really cut, the process killed, or a step fails, and life goes on with what is left.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from gatewayd.core.model import ControllerId
from gatewayd.edge.key_seal import LONGEST, WrongRootKey
from gatewayd.edge.key_store import KeyStore
from gatewayd.edge.root_key import RootKey
from gatewayd.edge.secret import Secret
from gatewayd.edge.unit_keys import Keys, Slot
from gatewayd.errors import StateError
from tests.edge.crashing_disk import CrashingDisk, PowerCut, Step, nothing

PATH = Path("/keys")
LOBBY, ANNEX = ControllerId("lobby"), ControllerId("annex")
BROKEN = OSError(5, "Input/output error")

Trouble = tuple[Step, BaseException] | None
State = dict[ControllerId, Keys]

TROUBLES: list[Trouble] = [
    None,
    ("sync names", BROKEN),  # the one after which nobody knows
    ("sync names", PowerCut()),
    ("rename", BROKEN),
    ("rename", PowerCut()),
    ("sync", BROKEN),
    ("write", BROKEN),
    ("create", BROKEN),
    ("unlink", BROKEN),
]
troubles = st.sampled_from(TROUBLES)


class KeysAndPower(RuleBasedStateMachine):
    """A store, the unit in the lobby, and the power. The annex must never notice."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - keys of a test
        self.disk = CrashingDisk()
        self.roots = [self.new_root()]  # those that the operator has kept
        self.store = KeyStore.open(PATH, self.roots[0], disk=self.disk)
        self.seen: dict[bytes | None, State] = {}
        self.annex = self.new_key()
        self.store.set_first(ANNEX, self.annex)
        self.lobby: Secret | None = None  # the key that the unit really has

    def new_root(self) -> RootKey:
        return RootKey(self.chance.randbytes(32))

    def new_key(self) -> Secret:
        return Secret(self.chance.randbytes(16))

    @property
    def held(self) -> Keys:
        return self.store.key_of(LOBBY)

    # --- changing, with trouble -----------------------------------------------

    def change(self, do: Callable[[], object], after: Keys, trouble: Trouble) -> bool:
        """Do it; say whether it came to its end. Every image on the way is before or after."""
        before = self.state(self.store)
        done = {LOBBY: after, ANNEX: Keys(self.annex)}
        possible = [done, before, *map(self.state_of, self.disk.images())]

        def before_step(step: Step) -> None:
            for image in self.disk.images():
                assert self.state_of(image) in possible
            if trouble is not None and step == trouble[0]:
                raise trouble[1]

        self.disk.before_step = before_step
        try:
            do()
        except PowerCut:
            self.restart_from(self.chance.choice(list(self.disk.images())))
            return False
        except StateError:
            assert self.state(self.store) == before
            return False
        finally:
            self.disk.before_step = nothing
        assert self.state(self.store) == done
        return True

    def restart_from(self, disk: CrashingDisk) -> None:
        self.disk = disk
        self.store = self.opened(disk)

    def opened(self, disk: CrashingDisk) -> KeyStore:
        """Start with whichever root key the store asks for."""
        for root in reversed(self.roots):
            try:
                return KeyStore.open(PATH, root, disk=disk)
            except WrongRootKey:
                continue
        raise AssertionError("no root key that was kept opens the store")

    def state_of(self, disk: CrashingDisk) -> State:
        """Say what a start with this disk would find. Most images are alike."""
        content = disk.read(PATH, LONGEST)
        if content not in self.seen:
            self.seen[content] = self.state(self.opened(disk.copy()))
        return self.seen[content]

    @staticmethod
    def state(store: KeyStore) -> State:
        return {controller: store.key_of(controller) for controller in (LOBBY, ANNEX)}

    # --- what happens -----------------------------------------------------------

    @precondition(lambda self: self.held == Keys())
    @rule(trouble=troubles)
    def take_over_a_unit_that_has_a_key(self, trouble: Trouble) -> None:
        key = self.new_key()
        if self.change(lambda: self.store.set_first(LOBBY, key), Keys(key), trouble):
            self.lobby = key  # if not, the operator still has it, and knows

    @precondition(lambda self: self.held.pending is None)
    @rule(trouble=troubles)
    def begin_a_rotation(self, trouble: Trouble) -> None:
        new = self.new_key()
        after = Keys(self.held.current, new)
        self.change(lambda: self.store.begin_rotation(LOBBY, new), after, trouble)

    @precondition(lambda self: self.lobby is None)
    @rule(trouble=troubles)
    def commission_it(self, trouble: Trouble) -> None:
        new = self.new_key()
        after = Keys(self.held.current, new)
        self.change(lambda: self.store.begin_anew(LOBBY, new), after, trouble)

    @precondition(lambda self: self.held.pending is not None)
    @rule(trouble=troubles)
    def send_the_pending_key(self, trouble: Trouble) -> None:
        key = self.held.pending
        if self.change(lambda: self.store.key_to_send(LOBBY), self.held, trouble):
            self.lobby = key

    @precondition(lambda self: self.lobby is not None)
    @rule(trouble=troubles)
    def shake_hands(self, trouble: Trouble) -> None:
        among, has = self.held, self.lobby
        slot = Slot.PENDING if has == among.pending else Slot.CURRENT
        assert has == among.at(slot)
        self.change(lambda: self.store.prove(LOBBY, slot, among), Keys(has), trouble)

    @rule(trouble=troubles)
    def take_the_unit_away(self, trouble: Trouble) -> None:
        self.lobby = None
        self.change(lambda: self.store.forget(LOBBY), Keys(), trouble)

    @rule(trouble=troubles)
    def rotate_the_root(self, trouble: Trouble) -> None:
        new = self.new_root()
        self.roots.append(new)
        if self.change(lambda: self.store.rotate_root(new), self.held, trouble):
            self.roots = [new]

    @rule()
    def kill_the_process(self) -> None:
        self.restart_from(self.disk)

    @rule(picked=st.integers(0, 20))
    def cut_the_power(self, picked: int) -> None:
        images = list(self.disk.images())
        self.restart_from(images[picked % len(images)])

    # --- what must always be true -------------------------------------------------

    @invariant()
    def the_key_that_a_unit_has_is_there(self) -> None:
        for image in [self.disk, *self.disk.images()]:
            state = self.state_of(image)
            assert state[ANNEX] == Keys(self.annex)
            assert self.lobby is None or self.lobby in list(state[LOBBY].all())


TestKeysAndPower = KeysAndPower.TestCase


# --- what such a machine finds once in a long while, told -------------------------


@pytest.fixture
def site() -> KeysAndPower:
    machine = KeysAndPower()
    machine.begin(1)
    machine.take_over_a_unit_that_has_a_key(None)
    machine.begin_a_rotation(None)
    return machine


def test_a_key_that_the_disk_may_have_dropped_is_written_again_before_it_is_sent(
    site: KeysAndPower,
) -> None:
    site.shake_hands(("sync names", BROKEN))  # drops the pending key; or does it?
    assert site.held.pending is not None
    site.send_the_pending_key(None)
    site.the_key_that_a_unit_has_is_there()


def test_a_key_is_not_sent_while_the_disk_may_not_have_it(site: KeysAndPower) -> None:
    site.shake_hands(("sync names", BROKEN))
    before = site.lobby
    site.send_the_pending_key(("sync", BROKEN))
    assert site.lobby == before


def test_what_a_killed_process_left_is_made_to_last_before_it_is_believed(
    site: KeysAndPower,
) -> None:
    site.shake_hands(None)
    site.begin_a_rotation(("sync names", BROKEN))
    site.kill_the_process()
    assert site.held.pending is not None
    site.send_the_pending_key(None)
    site.the_key_that_a_unit_has_is_there()


def test_a_start_on_a_disk_that_cannot_be_synced_is_refused(site: KeysAndPower) -> None:
    def refuse(step: Step) -> None:
        assert step == "sync names"
        raise BROKEN

    site.disk.before_step = refuse
    with pytest.raises(StateError, match="/keys: Input/output error"):
        KeyStore.open(PATH, site.roots[0], disk=site.disk)
