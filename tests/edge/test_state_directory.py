"""One process at a time has the state directory."""

import subprocess
import sys
from pathlib import Path

import pytest

from gatewayd.edge.state_directory import StateDirectory
from gatewayd.errors import StateError, StateInUse


def test_a_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path / "var" / "state") as state:
        assert state.path.stat().st_mode & 0o777 == 0o700
        assert (state.path / "lock").stat().st_mode & 0o777 == 0o600


def test_an_empty_directory_becomes_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.mkdir(mode=0o755)
    with StateDirectory.open(path):
        assert path.stat().st_mode & 0o777 == 0o700


def test_a_directory_with_things_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.mkdir(mode=0o755)
    (path / "thesis.txt").touch()
    with pytest.raises(StateError, match="chmod 700"):
        StateDirectory.open(path)
    assert path.stat().st_mode & 0o777 == 0o755


def test_a_second_one_is_told_who_has_it(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from gatewayd.edge.state_directory import StateDirectory\n"
        "held = StateDirectory.open(pathlib.Path(sys.argv[1])); print(flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(StateInUse, match=f"in use by process {other.pid}$"):
            StateDirectory.open(tmp_path)
        other.kill()
        other.wait()
        StateDirectory.open(tmp_path).close()


def test_what_was_closed_is_free(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path), pytest.raises(StateInUse):
        StateDirectory.open(tmp_path)
    state = StateDirectory.open(tmp_path)
    state.close()
    state.close()


def test_a_file_in_its_place_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(StateError, match="state"):
        StateDirectory.open(tmp_path / "state")
