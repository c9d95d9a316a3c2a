"""A file of keys is read whole, or every mistake in it is named and no key."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.core.model import ControllerId
from gatewayd.edge.key_file import LONGEST, read_key_file
from gatewayd.edge.secret import Secret
from gatewayd.errors import ConfigError, StateError

ONE = "8f3c11d2a45e90b76611fe02c3d84a5b"
TWO = "0d7e9af1245533c86a1b7740e2956fcd"
LOBBY, ANNEX = ControllerId("lobby"), ControllerId("annex")


def written(directory: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path = directory / "keys.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def mistakes(path: Path, known: set[ControllerId] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_key_file(path, known)
    return [f"{each.key}: {each.reason}" for each in caught.value.mistakes]


def test_every_line_gives_a_controller_its_key(tmp_path: Path) -> None:
    text = f"# from the installer\n\n lobby\t{ONE}\r\nannex {TWO.upper()}"
    keys = read_key_file(written(tmp_path, text), {LOBBY, ANNEX})
    assert keys == {LOBBY: Secret(bytes.fromhex(ONE)), ANNEX: Secret(bytes.fromhex(TWO))}
    assert read_key_file(written(tmp_path, "")) == {}


def test_all_mistakes_are_named_at_once_by_line(tmp_path: Path) -> None:
    lines = [
        f"lobby {ONE}",
        "lobby",
        f"lobby {TWO} {TWO}",
        f"lobby {TWO}",
        f"annex {ONE}",
        "annex 0123",
        f"cellar {TWO}",
        f"Hall! {'30' * 16}",
        f"{TWO} lobby",
    ]
    assert mistakes(written(tmp_path, "\n".join(lines)), {LOBBY, ANNEX}) == [
        "line 2: must be a controller and a key of 32 hexadecimal digits",
        "line 3: must be a controller and a key of 32 hexadecimal digits",
        "line 4: is for the same controller as line 1",
        "line 5: has the same key as line 1: every unit has its own",
        "line 6: is for the same controller as line 5; the key must be 32 hexadecimal digits",
        (
            "line 7: is for no controller of the configuration; "
            "has the same key as line 4: every unit has its own"
        ),
        (
            "line 8: a controller's name is 1 to 32 of a-z, 0-9, _ and -; "
            "the key is one byte repeated"
        ),
        (
            "line 9: is for no controller of the configuration; "
            "the key must be 32 hexadecimal digits"
        ),
    ]


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("303132333435363738393a3b3c3d3e3f", "is the default key"),
        ("00" * 16, "is one byte repeated"),
        ("000102030405060708090a0b0c0d0e0f", "only rises"),
        ("0f0e0d0c0b0a09080706050403020100", "only falls"),
    ],
)
def test_a_weak_key_is_refused(tmp_path: Path, key: str, why: str) -> None:
    assert mistakes(written(tmp_path, f"lobby {key}")) == [f"line 1: the key {why}"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(StateError, match="chmod 600"):
        read_key_file(written(tmp_path, f"lobby {ONE}", mode))


def test_a_file_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=f"longer than {LONGEST} bytes"):
        read_key_file(written(tmp_path, b"#" * (LONGEST + 1)))


def test_what_is_not_ascii_is_named_by_line(tmp_path: Path) -> None:
    path = written(tmp_path, f"lobby {ONE}\nannéx {TWO}")
    assert mistakes(path) == ["line 2: holds something that is not ASCII"]


@given(st.lists(st.sampled_from([ONE, TWO, ONE[:-1], "lobby", " ", "\n", "é", "#", "30" * 16])))
def test_no_mistake_ever_shows_a_key(
    tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    path = written(tmp_path_factory.getbasetemp(), "".join(words))
    try:
        read_key_file(path, {LOBBY})
    except ConfigError as error:
        shown = f"{error!s} {error!r} {error.__cause__!r} {error.__context__!r}"
        if error.__suppress_context__:
            shown = f"{error!s} {error!r}"
        assert ONE[:8] not in shown
        assert TWO[:8] not in shown
        assert "3030" not in shown
