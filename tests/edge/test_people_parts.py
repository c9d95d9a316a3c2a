"""Parts are staged whole, and what is there need not be sent again."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.core.access.model import Credential, Holder, LevelId
from gatewayd.core.model import HolderId
from gatewayd.edge.people_child import Job, _while_wanted, main, run
from gatewayd.edge.people_disk import PEOPLE_DISK
from gatewayd.edge.people_parts import Counts, Expected, Staging, joined
from gatewayd.edge.people_rows import credential_of, credential_row, holder_of, holder_row
from gatewayd.edge.people_table import PeopleTable
from gatewayd.errors import DamagedState, StateError
from tests.edge.people_kit import anna, bob, credentials, damaged_at, holders

ONE, TWO = b"1" * 32, b"2" * 32


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    staging = Staging(tmp_path / "staging")
    staging.begin(b"manifest")
    staging.put(0, ONE, [anna().holder], anna("26:1").credentials)
    staging.put(1, TWO, [bob().holder])
    return staging


def test_what_was_staged_is_there_after_a_restart(staging: Staging) -> None:
    again = Staging(staging.directory)
    again.begin(b"manifest")
    assert again.have() == {0: ONE, 1: TWO}
    assert again.counts() == (2, 1)
    assert again.rest() == b""
    again.put_rest(b"rules")
    assert again.rest() == b"rules"


def test_another_manifest_begins_anew(staging: Staging) -> None:
    staging.begin(b"another")
    assert staging.have() == {}
    staging.clear()
    assert list(staging.directory.iterdir()) == []


def test_a_damaged_part_is_to_be_sent_again(staging: Staging) -> None:
    part = staging.directory / "part-000001"
    content = part.read_bytes()
    for at in range(len(content)):
        part.write_bytes(damaged_at(content, at))
        assert staging.have() == {0: ONE}
        with pytest.raises(DamagedState, match="part-000001 is damaged"):
            staging.counts()
    part.write_bytes(b"")
    assert staging.have() == {0: ONE}


def test_a_damaged_rest_is_named(staging: Staging) -> None:
    staging.put_rest(b"rules")
    rest = staging.directory / "rest"
    rest.write_bytes(damaged_at(rest.read_bytes(), 6))
    with pytest.raises(DamagedState, match="rest is damaged"):
        staging.rest()


def test_a_part_may_bring_something_else(staging: Staging) -> None:
    staging.put(2, ONE, extra=b'{"levels":{}}')
    assert list(staging.extras()) == [b'{"levels":{}}']
    assert staging.counts() == (2, 1)
    assert set(staging.have()) == {0, 1, 2}
    extra = staging.directory / "extra-000002"
    for content in (damaged_at(extra.read_bytes(), 5), b""):
        extra.write_bytes(content)
        assert set(staging.have()) == {0, 1}
        with pytest.raises(DamagedState, match="extra-000002 is damaged"):
            list(staging.extras())


def test_what_is_expected_of_the_people_is_kept(staging: Staging) -> None:
    expected = Expected(Counts(2, 1), frozenset({LevelId("staff"), LevelId("lab")}))
    assert staging.expected() is None
    staging.put_expected(expected)
    assert Staging(staging.directory).expected() == expected


@pytest.mark.parametrize(("number", "digest"), [(-1, ONE), (100_000, ONE), (0, b"")])
def test_what_is_no_part_is_refused(staging: Staging, number: int, digest: bytes) -> None:
    with pytest.raises(ValueError, match="no part"):
        staging.put(number, digest)


def test_parts_in_any_order_become_persons(staging: Staging, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    staging.put(3, ONE, [], bob("26:3").credentials)
    people = list(joined(staging, staging.counts(), scratch))
    assert sorted(people) == [anna("26:1"), bob("26:3")]
    assert list(scratch.iterdir()) == []


def test_a_build_that_nobody_waits_for_ends(staging: Staging, tmp_path: Path) -> None:
    job = Job(f"{tmp_path / 'table'}", 1, 1, staging=f"{staging.directory}")
    with pytest.raises(StateError, match="nobody waits"):
        run(job, -1)
    assert list(_while_wanted(iter([]), -1)) == []


def test_a_build_in_this_process_is_the_same(
    staging: Staging, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import json
    from dataclasses import asdict

    job = Job(f"{tmp_path / 'table'}", 1, 1, staging=f"{staging.directory}")
    assert main(json.dumps(asdict(job))) == 0
    assert json.loads(capsys.readouterr().out) == {"mistakes": [], "failure": ""}
    assert len(PeopleTable(PEOPLE_DISK.map(tmp_path / "table"))) == 1


@given(holder=holders, credential=credentials)
def test_rows_come_back_as_they_were(holder: Holder, credential: Credential) -> None:
    assert holder_of(holder_row(holder)) == holder
    assert credential_of(credential_row(credential)) == credential


@given(
    row=st.lists(
        st.none() | st.integers() | st.text(max_size=3) | st.lists(st.text(max_size=2))
    )
)
def test_a_row_that_makes_no_sense_is_refused(row: list[object]) -> None:
    for read in (holder_of, credential_of):
        with pytest.raises((ValueError, TypeError, OverflowError)):
            read(row)


def test_nobody_is_put_together_from_nonsense() -> None:
    from gatewayd.edge.people_parts import _put_together

    with pytest.raises(StateError, match="makes no sense"):
        list(_put_together([[HolderId("x")] * 7]))
