"""Units' keys between their store, their lines and the brain.

    brain ── ReplaceKey, GiveKey ──► store (on disk) ──► line: candidates, then osdp_KEYSET
    line  ── which key was proved ──► brain: KeyProved ──► store: the other one is dropped

The order is what makes it safe. A new key is on the disk as pending before anybody hears of
it; the line has both as candidates before the new one is sent; the old one goes only after a
handshake has proved the new one. So after a power cut at any moment the next start has both
and tries both. That a unit has a new key is told before the store drops the old one: after a
crash in between it is told twice, never not at all.

Each key has a name on its line, "pending@17": its slot, and the number of the store's change
that it was read at. A proof under a name that is no longer among the candidates says nothing
about the keys of today, and the next handshake is not far.

The store waits for its disk, so it is asked in a thread, one change after the other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from secrets import token_bytes
from typing import Protocol

import structlog

from gatewayd.core.actions import GiveKey, ReplaceKey
from gatewayd.core.facts import Fact, KeyNotGiven, KeyNotKept, KeyProved, Outcome
from gatewayd.core.model import ControllerId
from gatewayd.edge.key_store import KeyStore
from gatewayd.edge.secret import Secret
from gatewayd.edge.unit_keys import Keys, Slot
from gatewayd.errors import GatewayError, UsageError
from protocol.osdp.secure_keys import KEY_LENGTH, BaseKey, weakness

MOST_JOBS = 4096  # changes that wait for the disk: a site has a thousand units at most

log = structlog.get_logger()

Begin = Callable[[ControllerId, Secret], Keys]


class KeyedLine(Protocol):
    """What is wanted of a line: `OsdpLine`."""

    def set_keys(self, controller: ControllerId, keys: tuple[BaseKey, ...]) -> None:
        """Try these in the handshakes begun from now on."""

    def replace_key(
        self, controller: ControllerId, key: bytes, connection: int, expires: float
    ) -> bool:
        """Send it inside the session of this connection; False: it is over."""

    def give_key(self, controller: ControllerId, key: bytes, connection: int) -> bool:
        """Send it to the unit that answered in its window; False: that session is over."""


@dataclass(frozen=True, slots=True)
class _Candidates:
    """What a line was given last, and as of when."""

    generation: int
    keys: Keys

    def named(self, slots: tuple[Slot, ...]) -> tuple[BaseKey, ...]:
        found = ((slot, self.keys.at(slot)) for slot in slots)
        return tuple(BaseKey(self.name(slot), key.reveal()) for slot, key in found if key)

    def name(self, slot: Slot) -> str:
        return f"{slot}@{self.generation}"

    def slot(self, name: str) -> Slot | None:
        return next((slot for slot in Slot if self.name(slot) == name), None)


LIKELIEST_FIRST = Slot.PENDING, Slot.CURRENT


class Keyring:
    """All keys of a site at work. `run` it, or nothing changes."""

    def __init__(self, store: KeyStore | None, tell: Callable[[Fact], None]) -> None:
        """`store`: None where no unit has a key."""
        self._store = store
        self._tell = tell
        self._lines: Mapping[ControllerId, KeyedLine] = {}
        self._given: dict[ControllerId, _Candidates] = {}
        self._told: dict[ControllerId, str] = {}  # the new key last told of
        self._jobs: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(MOST_JOBS)
        self._changing = asyncio.Lock()

    def attach(self, lines: Mapping[ControllerId, KeyedLine]) -> None:
        """Know the line of every controller. They have their `candidates` already."""
        self._lines = lines

    def candidates(self, controller: ControllerId) -> tuple[BaseKey, ...]:
        """Return the keys that a unit may have, the likeliest first."""
        return self._read(controller).named(LIKELIEST_FIRST)

    async def run(self) -> None:
        """Do what is asked, one after the other, until cancelled."""
        while True:
            job = await self._jobs.get()
            try:
                async with self._changing:
                    await job()
            except Exception:  # the next one is about another unit
                log.exception("key_not_changed")

    # --- what an operator wants -------------------------------------------------------

    @property
    def store(self) -> KeyStore:
        """Where the keys are kept. Raises UsageError if there is no root key."""
        if self._store is None:
            raise UsageError("there is no root key: `gatewayd keys make-root` makes one")
        return self._store

    async def take(self, keys: Mapping[ControllerId, Secret]) -> int:
        """Keep the keys that units have already; return the number of that change.

        Raises UsageError or StateError; then nothing was changed.
        """
        async with self._changing:
            await asyncio.to_thread(self.store.import_keys, keys)
            for controller in keys:
                self._refresh(controller)
            return self.store.generation

    async def forget(self, controller: ControllerId) -> int:
        """Drop all keys of a unit, which ends its session; return the number of that change.

        Raises UsageError or StateError.
        """
        async with self._changing:
            await asyncio.to_thread(self.store.forget, controller)
            self._refresh(controller)
            return self.store.generation

    # --- what the brain wants ---------------------------------------------------------

    def replace(self, action: ReplaceKey) -> None:
        """Give a unit another key."""
        self._do(partial(self._replace, action), action.controller)

    def give(self, action: GiveKey) -> None:
        """Give a unit in its window its first key."""
        self._do(partial(self._give, action), action.controller)

    # --- what a line tells ------------------------------------------------------------

    def proved(self, controller: ControllerId, name: str) -> None:
        """A handshake proved the key of this name."""
        among = self._given[controller]
        slot = among.slot(name)
        if slot is None:
            return
        renewed = slot is Slot.PENDING
        if not renewed or self._told.get(controller) != name:
            self._told[controller] = name
            self._tell(KeyProved(controller, among.generation, renewed))
        self._do(partial(self._prove, controller, slot, among.keys), controller)

    def ended(self, controller: ControllerId, outcome: Outcome, detail: str) -> None:
        """The command that carried a key has ended; what was delivered will be proved."""
        if outcome is not Outcome.DELIVERED:
            self._tell(KeyNotGiven(controller, outcome, detail))

    def window_closed(self, controller: ControllerId) -> None:
        """From now on the unit may have any of its keys again."""
        self._refresh(controller)

    # --- the work ---------------------------------------------------------------------

    async def _replace(self, action: ReplaceKey) -> None:
        controller, line = action.controller, self._lines[action.controller]
        key = await self._new_key(controller, self._begin_rotation)
        if key is None:
            return
        self._refresh(controller)
        if not line.replace_key(controller, key.reveal(), action.connection, action.expires):
            self._not_sent(controller)

    def _begin_rotation(self, controller: ControllerId, new: Secret) -> Keys:
        """Begin one, or go on with one that has not ended: the unit may have that key."""
        keys = self.store.key_of(controller)
        return keys if keys.pending else self.store.begin_rotation(controller, new)

    async def _give(self, action: GiveKey) -> None:
        controller, line = action.controller, self._lines[action.controller]
        key = await self._new_key(controller, self.store.begin_anew)
        if key is None:
            return
        line.set_keys(controller, self._read(controller).named((Slot.PENDING,)))
        if not line.give_key(controller, key.reveal(), action.connection):
            self._refresh(controller)  # its window may have closed meanwhile
            self._not_sent(controller)

    async def _new_key(self, controller: ControllerId, begin: Begin) -> Secret | None:
        """Return a key that is certain to be on the disk; None: it is not, as was told."""
        try:
            await asyncio.to_thread(begin, controller, fresh_key())
            key = await asyncio.to_thread(self.store.key_to_send, controller)
        except GatewayError as error:
            self._not_kept(controller, str(error))
            return None
        if key is None:
            self._not_kept(controller, "another key was proved meanwhile")
        return key

    async def _prove(self, controller: ControllerId, slot: Slot, among: Keys) -> None:
        before = self.store.generation
        try:
            await asyncio.to_thread(self.store.prove, controller, slot, among)
        except GatewayError as error:
            _say_both_kept(controller, str(error))
            return
        if self.store.generation != before:
            self._refresh(controller)

    def _not_sent(self, controller: ControllerId) -> None:
        self._tell(KeyNotGiven(controller, Outcome.NOT_SENT, "the connection ended"))

    def _refresh(self, controller: ControllerId) -> None:
        """Let the line have what the store has now."""
        line = self._lines.get(controller)
        if line is not None:  # else it is in no line's configuration any more
            line.set_keys(controller, self.candidates(controller))

    def _not_kept(self, controller: ControllerId, why: str) -> None:
        log.error("key_not_kept", controller=controller, why=why, next="nothing was sent")
        self._tell(KeyNotKept(controller, why))

    def _read(self, controller: ControllerId) -> _Candidates:
        nothing = 0, Keys()
        found = _Candidates(*(nothing if self._store is None else self._store.now(controller)))
        self._given[controller] = found
        return found

    def _do(self, job: Callable[[], Awaitable[None]], controller: ControllerId) -> None:
        try:
            self._jobs.put_nowait(job)
        except asyncio.QueueFull:  # a proof comes again with the next handshake
            self._not_kept(controller, f"{MOST_JOBS} changes wait for the disk")


def _say_both_kept(controller: ControllerId, why: str) -> None:
    next_ = "both keys are kept and tried; see to the state directory"
    log.error("key_proof_not_kept", controller=controller, why=why, next=next_)


def fresh_key() -> Secret:
    """Return a new base key; of 2**128 the few that could be guessed are passed over."""
    while True:
        content = token_bytes(KEY_LENGTH)
        if weakness(content) is None:
            return Secret(content)
