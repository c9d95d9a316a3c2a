"""What every command has in common: help, exit codes, one line for every trouble."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gatewayd.cli import program as cli
from gatewayd.errors import ConfigError, GatewayError, Mistake, Refused, TryAgain
from tests.cli.conftest import gatewayd_anew as gatewayd


async def test_help_lists_every_command() -> None:
    ended = await gatewayd("--help")
    assert ended.code == 0
    for name, summary in cli.COMMANDS.items():
        assert name in ended.out
        assert summary in ended.out


async def test_help_fits_a_terminal_and_leaves_examples_as_they_are() -> None:
    ended = await gatewayd("osdp", "address", "--help")
    assert all(len(line) <= 80 for line in ended.out.splitlines())
    examples = [line for line in ended.out.splitlines() if line.startswith("      gatewayd")]
    assert len(examples) == 2


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.program([name, "--help"]) == 0
    said = capsys.readouterr()
    assert f"gatewayd {name}" in said.out
    assert said.err == ""


async def test_the_version_is_said() -> None:
    ended = await gatewayd("--version")
    assert ended.code == 0
    assert ended.out.strip().count(".") == 2


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("frob",),
        ("check", "--frob"),
        ("check", "more"),
        ("send",),
        ("demo", "--seconds", "soon"),
        ("demo", "--seconds", "0"),
        ("audit", "--config"),
    ],
)
def test_a_command_line_that_makes_no_sense_ends_with_64(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.program(arguments) == 64
    said = capsys.readouterr()
    assert "Usage: gatewayd" in said.out + said.err or "Error" in said.err


async def test_a_process_ends_with_64_as_well() -> None:
    ended = await gatewayd("check", "--frob")
    assert ended.code == 64
    assert "No such option: --frob" in ended.err


@pytest.mark.parametrize("name", ["run", "check", "audit", "health"])
def test_a_missing_configuration_ends_with_78(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.program([name, "--config", str(tmp_path / "none.toml")]) == 78
    said = capsys.readouterr()
    assert "none.toml: No such file or directory" in said.out + said.err


def test_help_and_check_load_only_what_they_need() -> None:
    script = """
import sys
from gatewayd.cli.program import program
program(sys.argv[1:])
heavy = {"asyncio", "aiomqtt", "construct", "serial", "sqlite3", "structlog", "gatewayd.app"}
print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    for arguments in (["--help"], ["check", "--config", "config.example.toml"]):
        result = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        assert result.stderr.strip() == "[]", arguments


MISTAKES = [Mistake("config.toml", "site.id", "missing")]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Refused("unit is Classic"), 69, "gatewayd: unit is Classic\n"),
        (ConfigError(MISTAKES), 78, "gatewayd: config.toml: site.id: missing\n"),
        (ExceptionGroup("tasks", [TryAgain("busy")]), 75, "gatewayd: busy\n"),
        (KeyError("hello"), 70, "gatewayd: our own fault: KeyError: 'hello' ("),
        (GatewayError("odd"), 70, "gatewayd: odd\n"),
        (OSError(28, "No space"), 74, "gatewayd: input or output failed: OSError: [Errno 28]"),
        (ExceptionGroup("t", [TryAgain("x"), ValueError("y")]), 70, "our own fault: ValueErr"),
        (ValueError("\x1b[31m\n" + "x" * 1000), 70, "'ValueError: \\x1b[31m\\nxxx"),
    ],
)
def test_every_trouble_is_one_line_and_an_exit_code(
    error: Exception,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        """Fail."""
        raise error

    monkeypatch.setattr(cli, "_implementation", lambda _: fail)
    assert cli.program(["check"]) == code
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert len(err) < 600


@pytest.mark.parametrize(
    ("end", "code"), [(KeyboardInterrupt(), 130), (SystemExit("why"), 70), (SystemExit(), 0)]
)
def test_every_end_is_an_exit_code(
    end: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        """Fail."""
        raise end

    monkeypatch.setattr(cli, "_implementation", lambda _: fail)
    assert cli.program(["check"]) == code


async def test_an_answer_in_json_can_be_read_by_a_program(config: Path) -> None:
    ended = await gatewayd("check", "--config", config, "--json")
    assert json.loads(ended.out)["ok"] is True
