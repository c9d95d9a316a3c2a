"""Permissions between the brain and the disk.

    people/    holders and credentials, and beside them, versioned together, all rules

At a start the disk alone says who may pass. Where it is damaged every card is denied, that is
said, and nothing is written over; exit buttons need no permissions.

The brain hands over one update at a time. One of people alone goes straight to the store.
One that changes rules becomes a book first, in a thread, as indexing takes a while. When it is
on the disk the brain gets that book in the very moment in which the people show, so that no
card is ever decided by the rules of one version and the people of another.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import NamedTuple

import structlog

from gatewayd.core.access.book import Book, People
from gatewayd.core.access.model import Credential, Holder, Portal
from gatewayd.core.access.people import PeopleChange, digest
from gatewayd.core.access.pins import SiteKey
from gatewayd.core.access.policy import Policy
from gatewayd.core.access.record_check import levels_gone
from gatewayd.core.access.records import Rules
from gatewayd.core.actions import PermissionsView, SavePermissions
from gatewayd.core.facts import PermissionsCommitted, PermissionsNotCommitted
from gatewayd.core.model import HolderId
from gatewayd.edge.people_build import PeopleRefused
from gatewayd.edge.people_disk import PEOPLE_DISK, PeopleDisk
from gatewayd.edge.people_store import PeopleStore
from gatewayd.edge.permission_json import rules_from_bytes, rules_to_bytes, rules_total
from gatewayd.edge.site_key import PINS_ARE_GONE
from gatewayd.edge.snapshot import Snapshot
from gatewayd.edge.writer import Post
from gatewayd.errors import DamagedState, StateError

DIRECTORY = "people"
DAMAGED = "permissions_damaged"
PARTLY_DAMAGED = "people_damaged"
PINS_GONE = "pins_gone"
WAITING = 4  # updates with rules; the brain hands over one at a time
ANEW = "put {0} aside, start again and send all permissions anew, or restore a backup"
NO_STORE = "the permissions on disk are damaged; see the log"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ground:
    """What every book of this site is made with, besides rules and people."""

    portals: tuple[Portal, ...]
    zone: tzinfo
    policy: Policy
    key: SiteKey

    def book(self, rules: Rules, people: People) -> Book:
        """Index sound rules. Raises ValueError for others."""
        found = rules.permission_set(self.zone)
        return Book(self.portals, found, people, self.key, self.policy)


class Nobody:
    """Who is held while the files are damaged."""

    def credential(self, key: str) -> Credential | None:
        """Know nobody."""

    def holder(self, holder: HolderId) -> Holder | None:
        """Know nobody."""

    def credentials(self) -> Iterable[Credential]:
        """Know nobody."""
        return ()

    def credentials_of(self, holder: HolderId) -> Iterable[Credential]:
        """Know nobody."""
        return iter(()) if holder else ()


class _Made(NamedTuple):
    """Rules, made ready to be saved and to decide."""

    rules: Rules
    book: Book
    rest: bytes
    total: int  # their part of the digest's sum


class _Task(NamedTuple):
    """Something to be indexed; `failed` says why the disk did not take the update."""

    action: SavePermissions
    rules: Rules
    failed: Exception | None = None


class Permissions:
    """One directory of permissions, and what decides by it. Belongs to the loop's thread."""

    def __init__(
        self,
        directory: Path,
        ground: Ground,
        post: Post,
        trouble: Callable[[str], object],
        *,
        disk: PeopleDisk = PEOPLE_DISK,
    ) -> None:
        """Read what is there. Raises StateError if it cannot be read."""
        self.tell: Callable[[PermissionsCommitted | PermissionsNotCommitted], None]
        self.trouble: str | None = None  # what is wrong with the files
        self._ground, self._say_trouble = ground, trouble
        self._tasks: asyncio.Queue[_Task] = asyncio.Queue(WAITING)
        self._narrowed = False  # what decides is less than what the disk has
        self._rules, self._total = Rules(), 0  # as on the disk
        self._store: PeopleStore | None = None  # while the files are damaged
        try:
            self.book = self._open(directory, post, disk)
        except DamagedState as error:
            self.close()
            self._store = None
            log.critical(DAMAGED, why=str(error), next=ANEW.format(directory))
            self._damaged(DAMAGED)
            self.book = ground.book(Rules(), Nobody())

    def _open(self, directory: Path, post: Post, disk: PeopleDisk) -> Book:
        self._store = store = PeopleStore.open(directory, post=post, disk=disk)
        store.on_trouble = _say
        rules = rules_from_bytes(store.rest)
        try:
            book = self._ground.book(rules, store.view)
        except ValueError as error:
            raise DamagedState(f"the rules in {directory} make no sense: {error}") from error
        self._rules, self._total = rules, rules_total(rules)
        return book

    @property
    def degraded(self) -> bool:
        """Whether nothing that is held can be relied on."""
        return self._store is None

    @property
    def rules(self) -> Rules:
        """All records but the people's, as on the disk."""
        return self._rules

    def view(self, confirmed: datetime | None = None) -> PermissionsView:
        """Say what is held."""
        if self._store is None:
            return PermissionsView(0, digest(0), 0, 0, Rules().counts, confirmed)
        state = self._store.state
        return PermissionsView(
            state.version,
            digest(state.total + self._total),
            state.holders,
            state.credentials,
            self._rules.counts,
            confirmed,
        )

    def say_pins_are_gone(self) -> None:
        """Say so, if anybody is held: the key to PINs is another one than before."""
        if self.view().holders:
            log.critical(PINS_GONE, why=PINS_ARE_GONE, next="send all holders with PINs anew")
            self._say_trouble(PINS_GONE)

    def close(self) -> None:
        """Finish the change that is being written, and end."""
        if self._store is not None:
            self._store.close()

    # --- saving -----------------------------------------------------------------------

    def save(self, action: SavePermissions) -> None:
        """Make an update last; in the end the brain is told."""
        if self._store is None:
            self.tell(PermissionsNotCommitted(action.update.version, NO_STORE))
        elif action.rules is not None:
            self._tasks.put_nowait(_Task(action, action.rules))
        elif self._narrowed:  # what was taken from the rules was never on the disk
            self._tasks.put_nowait(_Task(action, self._rules))
        else:
            self._apply(action, None)

    async def replace(self, snapshot: Snapshot, version: int) -> bool:
        """Put what is staged in the place of everything, if it is sound; the brain is told.

        Returns whether it was. Updates go on meanwhile.
        """
        try:
            why = await self._replace(snapshot, version)
        except (PeopleRefused, StateError, OSError) as error:
            why = error
        except Exception as error:
            log.exception("permissions_not_replaced", version=version)
            why = error
        if why is not None:
            mistakes = why.mistakes if isinstance(why, PeopleRefused) else ()
            self.tell(PermissionsNotCommitted(version, str(why), mistakes=mistakes))
        return why is None

    async def _replace(self, snapshot: Snapshot, version: int) -> Exception | None:
        if self._store is None:
            return DamagedState(NO_STORE)
        ready = await asyncio.to_thread(snapshot.ready, version)
        made = await asyncio.to_thread(self._make, ready.rules)
        ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

        def done(why: Exception | None) -> None:
            if why is None:  # in the moment in which the people show
                self.trouble = None  # every file is another one
                self._committed(version, made)
            if not ended.done():
                ended.set_result(why)

        expected = ready.people_digest
        self._store.replace(snapshot.staging, version, done, digest=expected)
        return await ended

    async def run(self) -> None:
        """Look for damage once, then index what is to be saved, until cancelled."""
        if self._store is not None:
            self._store.verify(self._verified)
        while True:
            task = await self._tasks.get()
            try:
                made = await asyncio.to_thread(self._make, task.rules)
            except Exception:
                log.exception("rules_not_indexed", version=task.action.update.version)
                why = "the rules could not be put to use; see the log"
                self.tell(PermissionsNotCommitted(task.action.update.version, why))
                continue
            if task.failed is None:
                self._apply(task.action, made)
            else:
                self._narrowed = True
                self._not_committed(task.action, task.failed, made)

    def _make(self, rules: Rules) -> _Made:
        assert self._store is not None
        book = self._ground.book(rules, self._store.view)
        return _Made(rules, book, rules_to_bytes(rules), rules_total(rules))

    def _apply(self, action: SavePermissions, made: _Made | None) -> None:
        assert self._store is not None
        update = action.update
        change = PeopleChange(
            update.base,
            update.version,
            update.holders,
            update.credentials,
            None if made is None else made.rest,
            levels_gone(update),
        )

        def done(why: Exception | None) -> None:
            if why is None:
                self._committed(update.version, made)
            else:
                self._failed(action, why)

        self._store.apply(change, done)

    def _committed(self, version: int, made: _Made | None) -> None:
        if made is None:
            self.tell(PermissionsCommitted(version, self.view()))
        else:
            self._rules, self._total, self._narrowed = made.rules, made.total, False
            self.tell(PermissionsCommitted(version, self.view(), made.book, made.rules))

    def _failed(self, action: SavePermissions, why: Exception) -> None:
        if isinstance(why, PeopleRefused):
            version = action.update.version
            self.tell(PermissionsNotCommitted(version, str(why), mistakes=why.mistakes))
            return
        log.error("permissions_not_saved", version=action.update.version, why=str(why))
        if action.narrowed is None:
            self._not_committed(action, why, None)
        else:
            self._tasks.put_nowait(_Task(action, action.narrowed, why))

    def _not_committed(
        self, action: SavePermissions, why: Exception, made: _Made | None
    ) -> None:
        book, rules = (None, None) if made is None else (made.book, made.rules)
        self.tell(PermissionsNotCommitted(action.update.version, str(why), book, rules))

    # --- damage -----------------------------------------------------------------------

    def _verified(self, damages: Iterable[str]) -> None:
        found = list(damages)
        if found:
            next_ = "send all permissions anew; whoever is in it is denied meanwhile"
            log.critical(PARTLY_DAMAGED, damages=found[:10], next=next_)
            self._damaged(PARTLY_DAMAGED)

    def _damaged(self, what: str) -> None:
        self.trouble = what
        self._say_trouble(what)


def _say(trouble: str) -> None:
    log.error("people_in_trouble", why=trouble, next="permissions go on as they are")
