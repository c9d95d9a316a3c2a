"""Who was approved outlives the process, whole or not at all."""

import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from gatewayd.core.model import ControllerId
from gatewayd.core.places import Occupant
from gatewayd.edge.place_store import FILE, LONGEST, PlaceStore
from gatewayd.errors import DamagedState, StateError
from tests.edge.crashing_disk import CrashingDisk, Step

ONE, TWO = ControllerId("one"), ControllerId("two")
UNIT = Occupant("02475f", 1, "00001001", (1, 0, 0))
BEFORE: Mapping[ControllerId, Occupant | None] = {ONE: UNIT}
AFTER: Mapping[ControllerId, Occupant | None] = {ONE: UNIT, TWO: None}


def test_what_was_saved_last_is_loaded(tmp_path: Path) -> None:
    assert PlaceStore(tmp_path).load() == {}
    PlaceStore(tmp_path).save(BEFORE)
    PlaceStore(tmp_path).save(AFTER)
    assert PlaceStore(tmp_path).load() == AFTER
    (file,) = tmp_path.iterdir()
    assert file.read_text() == (
        '{"one":{"vendor":"02475f","model":1,"serial":"00001001","firmware":[1,0,0]},'
        '"two":null}\n'
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"one":1}', b'{"one":{}}', b"\xff", b" " * (LONGEST + 1)],
    ids=["empty", "cut", "list", "null", "number", "nobody", "no text", "endless"],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(DamagedState, match=FILE):
        PlaceStore(tmp_path).load()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(StateError, match=f"{FILE} cannot be read: Is a directory"):
        PlaceStore(tmp_path).load()


def test_a_power_cut_leaves_the_pins_before_or_after() -> None:
    seen: list[Mapping[ControllerId, Occupant | None]] = []
    disk = CrashingDisk()
    store = PlaceStore(Path("/"), disk)
    store.save(BEFORE)

    def cut(_: Step) -> None:
        seen.extend(PlaceStore(Path("/"), image).load() for image in disk.images())

    disk.before_step = cut
    store.save(AFTER)
    assert BEFORE in seen
    assert all(places in (BEFORE, AFTER) for places in seen)
    assert [PlaceStore(Path("/"), image).load() for image in disk.images()] == [AFTER]
