"""Who was approved in which place, between the brain and the disk.

The brain says what is to be remembered and goes on; one write at a time brings the newest to
the disk, in a thread. One that fails is tried again, and said once. A stop waits for the last.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping

import structlog

from gatewayd.core.model import ControllerId
from gatewayd.core.places import Occupant
from gatewayd.edge.place_store import PlaceStore
from gatewayd.errors import DamagedState

AGAIN = 10.0  # seconds after a write that failed
DAMAGED = "approved_units_damaged"
NOT_SAVED = "approved_units_not_saved"

Remembered = Mapping[ControllerId, Occupant | None]

log = structlog.get_logger()


def approved_before(
    store: PlaceStore,
    controllers: Iterable[str],
    trouble: Callable[[str], object] = lambda _: None,
) -> Remembered:
    """Return who was approved; nobody is where the file is damaged, and `trouble` is told.

    Raises StateError if it cannot be read.
    """
    try:
        return store.load()
    except DamagedState as error:
        next_ = "look at each unit, then accept its serial: gatewayd accept CONTROLLER SERIAL"
        log.critical(DAMAGED, why=str(error), next=next_)
        trouble(DAMAGED)
        return dict.fromkeys(map(ControllerId, controllers))


class ApprovedUnits:
    """Keeps what is to be remembered."""

    def __init__(self, store: PlaceStore, trouble: Callable[[str], object]) -> None:
        self._store = store
        self._trouble = trouble
        self._wanted: Remembered | None = None  # and not on disk yet
        self._any = asyncio.Event()
        self._failed = False

    def keep(self, places: Remembered) -> None:
        """Remember these and no others; soon."""
        self._wanted = places
        self._any.set()

    async def run(self) -> None:
        """Write until cancelled, and then what is left."""
        try:
            while True:
                await self._any.wait()
                self._any.clear()
                await self._write()
                if self._failed:
                    await asyncio.sleep(AGAIN)
                    self._any.set()
        finally:
            self._written(*_save(self._store, self._wanted))

    async def _write(self) -> None:
        """Write in a thread; who cancels us waits for its end: two must not write at once."""
        saving = asyncio.ensure_future(asyncio.to_thread(_save, self._store, self._wanted))
        try:
            await asyncio.shield(saving)
        finally:
            self._written(*await saving)

    def _written(self, places: Remembered | None, why: str | None) -> None:
        if why is None:
            self._failed = False
            if self._wanted is places:
                self._wanted = None
        elif not self._failed:
            self._failed = True
            next_ = "it is tried again; see to the state directory"
            log.error(NOT_SAVED, why=why, next=next_)
            self._trouble(NOT_SAVED)


def _save(store: PlaceStore, places: Remembered | None) -> tuple[Remembered | None, str | None]:
    """Return what was to be saved, and why it was not."""
    try:
        if places is not None:
            store.save(places)
    except OSError as error:
        return places, str(error)
    return places, None
