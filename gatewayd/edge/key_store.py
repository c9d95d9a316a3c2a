"""The units' keys on disk: sealed, and never fewer than may be needed.

One file in the state directory (gatewayd/edge/key_seal.py), written anew for every change;
a site has a thousand units at most and changes a key now and then. A change is whole or not
at all, and on the disk when the call returns. If a call raises, the store goes on as before
it, and the disk may have either until the next change; so a key goes to a unit only from
`key_to_send`, which first makes sure. No key is lost that a unit may have.

Reading never waits. Changing waits for the disk: do it in a thread. Any thread may.
Nobody else opens the file: whoever does holds the state directory's lock.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gatewayd.core.model import ControllerId
from gatewayd.edge.database import damaged
from gatewayd.edge.disk import SYSTEM, Disk, replace, sync_directory
from gatewayd.edge.key_seal import LONGEST, NAME, SEALED, Content, Seal
from gatewayd.edge.root_key import RootKey
from gatewayd.edge.secret import Secret
from gatewayd.edge.unit_keys import KeyRefused, Keys, Slot
from gatewayd.errors import DamagedState, StateError
from protocol.osdp.secure_keys import weakness

FILE = SEALED
UNITS = 1024  # that may have keys


@dataclass(frozen=True, slots=True)
class _Held:
    """What the disk has, as far as we know. Replaced whole."""

    seal: Seal
    content: Content

    def keys(self, controller: ControllerId) -> Keys:
        return Keys(self._at(controller, Slot.CURRENT), self._at(controller, Slot.PENDING))

    def controllers(self) -> frozenset[ControllerId]:
        return frozenset(controller for controller, _ in self.content.records)

    def _at(self, controller: ControllerId, slot: Slot) -> Secret | None:
        place = controller, slot
        sealed = self.content.records.get(place)
        return None if sealed is None else self.seal.open(place, sealed)


class KeyStore:
    """Every unit's keys. They are opened when asked for and not kept open."""

    def __init__(self, path: Path, disk: Disk, held: _Held) -> None:
        """Use `KeyStore.open`."""
        self._path = path
        self._disk = disk
        self._held = held
        self._newest = held.content.generation  # also of writes that failed
        self._certain = True  # that the disk has what we hold; not after a failed write
        self._changing = threading.Lock()

    @classmethod
    def open(cls, path: Path, root: RootKey, *, disk: Disk = SYSTEM) -> Self:
        """Read the file; none is a store without keys, and none is made before the first.

        Raises WrongRootKey, DamagedState or StateError, each naming the file.
        """
        seal = Seal(root)
        return cls(path, disk, _Held(seal, _read(path, disk, seal)))

    @property
    def generation(self) -> int:
        """Number of the newest change. It rises; an older file brought back has a lower one."""
        return self._held.content.generation

    @property
    def root_name(self) -> str:
        """Name of the root key that all is sealed under."""
        return self._held.seal.name

    @property
    def controllers(self) -> frozenset[ControllerId]:
        """Return who has a key, current or pending."""
        return self._held.controllers()

    def key_of(self, controller: ControllerId) -> Keys:
        """Return what the controller has; `Keys()` if it has nothing. Never waits."""
        return self._held.keys(controller)

    def now(self, controller: ControllerId) -> tuple[int, Keys]:
        """Return the number of the newest change, and what the controller has as of that."""
        held = self._held
        return held.content.generation, held.keys(controller)

    def set_first(self, controller: ControllerId, key: Secret) -> None:
        """Keep the key that a unit is known to have already. Again with the same is fine.

        Raises KeyRefused or StateError.
        """
        self.import_keys({controller: key})

    def import_keys(self, keys: Mapping[ControllerId, Secret]) -> None:
        """Do `set_first` for many, all or none."""
        with self._changing:
            self._require_good(keys)
            changed: dict[ControllerId, Keys] = {}
            for controller, key in keys.items():
                with _said_of(controller):
                    changed[controller] = self.key_of(controller).with_first(key)
            self._put(changed)

    def begin_rotation(self, controller: ControllerId, new: Secret) -> Keys:
        """Keep a new key as pending, and return what the unit has from then on.

        A unit without a key gets its first one this way too. What is sent to the unit is
        `key_to_send`. Raises KeyRefused or StateError.
        """
        with self._changing:
            self._require_good({controller: new})
            with _said_of(controller):
                keys = self.key_of(controller).beginning(new)
            self._put({controller: keys})
            return keys

    def begin_anew(self, controller: ControllerId, new: Secret) -> Keys:
        """Keep a new key as pending for a unit that answered with the key everybody knows.

        A key that was pending before is dropped. Raises KeyRefused or StateError.
        """
        with self._changing:
            self._require_good({controller: new})
            with _said_of(controller):
                keys = self.key_of(controller).beginning_anew(new)
            self._put({controller: keys})
            return keys

    def key_to_send(self, controller: ControllerId) -> Secret | None:
        """Return the pending key, certain to be on the disk, or None: then send nothing.

        Waits for a change that is under way, and for the disk if the last one failed. Raises
        StateError.
        """
        with self._changing:
            self._put({})
            return self.key_of(controller).pending

    def prove(self, controller: ControllerId, slot: Slot, among: Keys) -> Keys:
        """Note that a handshake proved one of the keys; the other is dropped. Return the rest.

        `among` is what `key_of` said when that handshake began; what is newer stays. Does not
        wait if there is nothing to change. Raises KeyRefused or StateError.
        """
        held = self.key_of(controller)
        with _said_of(controller):
            if held.proved(slot, among) == held:
                return held
        with self._changing:
            keys = self.key_of(controller).proved(slot, among)
            self._put({controller: keys})
            return keys

    def forget(self, controller: ControllerId) -> None:
        """Drop all keys of a unit that is gone. Raises StateError."""
        with self._changing:
            self._put({controller: Keys()})

    def rotate_root(self, new: RootKey) -> None:
        """Seal everything under another root key, all or nothing.

        The new one must be safe on disk before, and the old one kept until after: the next
        start needs one of the two, and says which. Raises StateError.
        """
        with self._changing:
            old, seal, generation = self._held, Seal(new), self._newest + 1
            records = {
                place: seal.close(place, generation, old.seal.open(place, sealed))
                for place, sealed in old.content.records.items()
            }
            self._write(_Held(seal, Content(generation, records)))

    def _put(self, changed: Mapping[ControllerId, Keys]) -> None:
        """Make these the units' keys."""
        held, generation = self._held, self._newest + 1
        records = dict(held.content.records)
        for controller, keys in changed.items():
            before = held.keys(controller)
            for slot in Slot:
                key, place = keys.at(slot), (controller, slot)
                if key is None:
                    records.pop(place, None)
                elif key != before.at(slot):
                    records[place] = held.seal.close(place, generation, key)
        if records == held.content.records and self._certain:
            return
        after = _Held(held.seal, Content(generation, records))
        if len(after.controllers()) > UNITS:
            raise StateError(f"{self._path}: more than {UNITS} units cannot have keys")
        self._write(after)

    def _write(self, after: _Held) -> None:
        self._newest = after.content.generation  # never used again, even if this fails
        self._certain = False
        try:
            replace(self._disk, self._path, after.seal.encode(after.content))
        except OSError as error:
            raise StateError(f"{self._path}: {error.strerror or error}") from error
        self._held, self._certain = after, True

    def _require_good(self, keys: Mapping[ControllerId, Secret]) -> None:
        """Refuse what is no name, a key that can be guessed, and a key that two units have."""
        owners = {  # not in constant time: nobody but the operator's own tools gets here
            key.reveal(): controller
            for controller in self.controllers
            for key in self.key_of(controller).all()
        }
        for controller, key in keys.items():
            if not NAME.fullmatch(controller):
                raise KeyRefused("a controller's name is 1 to 32 of a-z, 0-9, _ and -")
            wrong = weakness(key.reveal())
            if wrong:
                raise KeyRefused(f"{controller}: the key {wrong}")
            owner = owners.setdefault(key.reveal(), controller)
            if owner != controller:
                raise KeyRefused(f"{controller}: the key is that of {owner} already")


def _read(path: Path, disk: Disk, seal: Seal) -> Content:
    try:
        data = disk.read(path, LONGEST + 1)
        if data is not None:
            sync_directory(disk, path.parent)  # whoever was killed before that left it to us
        return Content() if data is None else seal.decode(data)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from error
    except DamagedState as error:
        raise damaged(path, str(error)) from error
    except StateError as error:
        raise type(error)(f"{path} {error}") from error


@contextmanager
def _said_of(controller: ControllerId) -> Iterator[None]:
    """Name the controller in a refusal."""
    try:
        yield
    except KeyRefused as error:
        raise KeyRefused(f"{controller}: {error}") from error
