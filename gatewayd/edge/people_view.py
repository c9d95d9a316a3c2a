"""The people as the decision sees them: the table, what changed since, what is going.

`Overlay` is what changed since the table was written, whole persons at a time, so that a card
is either answered from it or from the table, never from both. A change that is on its way to
the disk, or that the disk failed to take, is a second, narrower overlay: what it takes away
denies already (core.access.narrowing).

`PeopleView` belongs to the thread that decides. It raises `DamagedRecord` where a record of the
table is damaged: nobody passes on it.
"""

from collections.abc import Iterable, Iterator, Mapping

from gatewayd.core.access.model import Credential, Holder
from gatewayd.core.access.people import Person
from gatewayd.core.model import HolderId
from gatewayd.edge.people_record import Found
from gatewayd.edge.people_table import PeopleTable

REMEMBERED = 10_000  # cards found in the table


class Overlay:
    """Persons and keys that are not, or no longer, as the table has them."""

    __slots__ = ("keys", "people")

    def __init__(self) -> None:
        self.keys: dict[str, Found | None] = {}
        self.people: dict[HolderId, Person | None] = {}

    def put(self, people: Mapping[HolderId, Person | None], gone: Iterable[str]) -> None:
        """Take in what became of some persons, and keys that are nobody's."""
        self.keys.update(dict.fromkeys(gone))
        self.people.update(people)
        for person in people.values():
            if person is not None:
                holder, credentials = person
                self.keys.update((each.key, (each, holder)) for each in credentials)

    def __len__(self) -> int:
        """Count the entries."""
        return len(self.keys) + len(self.people)


class Layers:
    """A table and what changed since. Answers with what is on the disk."""

    def __init__(self, table: PeopleTable, overlay: Overlay) -> None:
        self.table, self.overlay = table, overlay

    def find(self, key: str) -> Found | None:
        """Return a credential and its holder. Raise DamagedRecord."""
        keys = self.overlay.keys
        return keys[key] if key in keys else self.table.find(key)

    def credential(self, key: str) -> Credential | None:
        """Return a credential. Raise DamagedRecord."""
        found = self.find(key)
        return None if found is None else found[0]

    def person(self, holder: HolderId) -> Person | None:
        """Return a holder with all credentials. Raise DamagedRecord."""
        people = self.overlay.people
        return people[holder] if holder in people else self.table.person(holder)

    def people(self) -> Iterator[Person]:
        """Return everybody. Raise DamagedRecord. A change in between raises RuntimeError."""
        changed = self.overlay.people
        for person in self.table.people():
            if person.holder.id not in changed:
                yield person
        yield from (each for each in changed.values() if each is not None)


class PeopleView:
    """What `core.access.book.People` asks for, and `find`, which asks for both at once.

    Most cards come again: what was found in the table is remembered until anything changes.
    """

    def __init__(self, layers: Layers) -> None:
        self.layers = layers
        self._going = Overlay()
        self._recent: dict[str, Found] = {}
        self._last: Holder | None = None  # of whom the credential was found last

    def find(self, key: str) -> Found | None:
        """Return the credential of this key and its holder. Raise DamagedRecord."""
        found = self._recent.get(key)
        return self._look_up(key) if found is None else found

    def _look_up(self, key: str) -> Found | None:
        if self._going.keys and key in self._going.keys:
            return self._going.keys[key]
        layers = self.layers
        keys = layers.overlay.keys
        if key in keys:
            return keys[key]
        found = layers.table.find(key)
        if found is not None:
            if len(self._recent) >= REMEMBERED:
                self._recent.clear()
            self._recent[key] = found
        return found

    def credential(self, key: str) -> Credential | None:
        """Return the credential of this key. Raise DamagedRecord."""
        found = self.find(key)
        if found is None:
            return None
        self._last = found[1]
        return found[0]

    def holder(self, holder: HolderId) -> Holder | None:
        """Return this holder; at once after a credential of the same was asked for."""
        last = self._last
        if last is not None and last.id == holder:
            return last
        person = self.person(holder)
        return None if person is None else person.holder

    def person(self, holder: HolderId) -> Person | None:
        """Return a holder with all credentials. Raise DamagedRecord."""
        if holder in self._going.people:
            return self._going.people[holder]
        return self.layers.person(holder)

    def credentials_of(self, holder: HolderId) -> Iterable[Credential]:
        """Return those of one holder. Raise DamagedRecord."""
        person = self.person(holder)
        return () if person is None else person.credentials

    def credentials(self) -> Iterator[Credential]:
        """Return all, for questions that nobody waits for at a door. Raise DamagedRecord."""
        for person in self.layers.people():
            yield from self.credentials_of(person.holder.id)

    def narrow(self, people: Mapping[HolderId, Person | None], keys: Iterable[str]) -> None:
        """Until the next `show`: of these persons and keys only so much is left."""
        self._forget()
        self._going.put(people, keys)

    def show(self, layers: Layers) -> None:
        """Answer from these layers from now on; nothing is going any more."""
        self._forget()
        self._going, self.layers = Overlay(), layers

    def _forget(self) -> None:
        self._recent, self._last = {}, None
