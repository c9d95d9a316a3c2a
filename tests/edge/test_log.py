"""What a log line looks like, and that a log harms nobody."""

import fcntl
import io
import json
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gatewayd.edge import log
from gatewayd.edge.log import configure, set_level


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class FullPipe(io.StringIO):
    def write(self, text: str, /) -> int:
        raise BrokenPipeError(text)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[tuple[int, dict[str, Any]]]:
    """Return priority and object of every line."""
    found = []
    for line in stream.getvalue().splitlines():
        assert line[0] == "<"
        assert line[2] == ">"
        found.append((int(line[1]), json.loads(line[3:])))
    return found


def test_a_line_for_journald_is_json_behind_its_priority() -> None:
    stream = io.StringIO()
    configure("debug", stream)
    logger = structlog.get_logger()
    logger.debug("a")
    logger.info("b", door="lobby")
    logger.warning("c")
    logger.error("d")
    logger.critical("e")
    assert [(priority, line["event"]) for priority, line in lines(stream)] == [
        (7, "a"), (6, "b"), (4, "c"), (3, "d"), (2, "e"),
    ]  # fmt: skip
    _, line = lines(stream)[1]
    assert line["door"] == "lobby"
    assert line["level"] == "info"
    assert line["at"].endswith("Z")


def test_an_exception_is_one_line_without_local_variables() -> None:
    for stream in (io.StringIO(), Terminal()):
        configure("info", stream)
        try:
            raise_with_a_secret()
        except ValueError:
            structlog.get_logger().exception("failed")
        assert "ValueError: no good" in stream.getvalue()
        assert "hunter2" not in stream.getvalue()
    configure("info", stream := io.StringIO())
    structlog.get_logger().error("failed", exc_info=ValueError("x"))
    assert len(lines(stream)) == 1


def raise_with_a_secret() -> None:
    password = "hunter" + "2"
    raise ValueError("no good" if password else "")


def test_the_level_changes_at_run_time_for_loggers_that_exist() -> None:
    stream = io.StringIO()
    configure("info", stream)
    logger = structlog.get_logger().bind(line="north")
    logger.debug("unheard")
    set_level("debug")
    logger.debug("heard")
    set_level("error")
    logger.warning("unheard")
    logger.error("heard too", exc_info=ValueError())
    assert [line["event"] for _, line in lines(stream)] == ["heard", "heard too"]


def test_a_line_on_a_terminal_is_for_people() -> None:
    stream = Terminal()
    configure("info", stream)
    structlog.get_logger().info("door_opened", door="lobby")
    text = stream.getvalue()
    assert "door_opened" in text
    assert "lobby" in text
    assert "{" not in text
    assert "\x1b[" in text


def test_a_value_from_outside_cannot_steer_a_terminal_or_forge_a_line() -> None:
    for stream in (io.StringIO(), Terminal()):
        configure("info", stream)
        structlog.get_logger().info("read", card="\x1b]0;owned\x07\n<2>forged")
        assert len(stream.getvalue().splitlines()) == 1
        assert "\x1b]0" not in stream.getvalue()


def test_what_json_cannot_say_is_shown_all_the_same() -> None:
    stream = io.StringIO()
    configure("info", stream)
    structlog.get_logger().info("odd", data=b"\xff", text="\ud800", number=float("nan"))
    assert "xff" in stream.getvalue()


def test_other_libraries_log_the_same_way_and_chat_less() -> None:
    stream = io.StringIO()
    configure("info", stream)
    configure("info", stream)
    logging.getLogger("some.library").info("hello %s", "you")
    logging.getLogger("asyncio").info("chat")
    try:
        raise_with_a_secret()
    except ValueError:
        logging.getLogger("some.library").exception("oh")
    (hello, oh) = lines(stream)
    assert hello[0] == 6
    assert (hello[1]["event"], hello[1]["logger"]) == ("hello you", "some.library")
    assert oh[0] == 3
    assert "ValueError: no good" in oh[1]["exception"]


def test_a_librarys_broken_message_breaks_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    configure("info", io.StringIO())
    logging.getLogger("some.library").info("%d", "no number")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("stream", [FullPipe(), io.StringIO()])
def test_a_log_that_cannot_be_written_costs_only_itself(stream: io.StringIO) -> None:
    configure("info", stream)
    if not isinstance(stream, FullPipe):
        stream.close()
    structlog.get_logger().info("lost")


def test_nobody_waits_for_a_log_that_is_not_read() -> None:
    """journald hangs at times; doors must not hang with it."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 8192)
    with os.fdopen(reader) as pipe, os.fdopen(writer, "w") as stream:
        configure("info", stream)
        logger = structlog.get_logger()
        for number in range(50):
            logger.info("unread", number=number, text="x" * 500)
        logger.info("longer than any pipe", text="x" * 100_000)
        os.set_blocking(reader, False)
        read = os.read(reader, 1 << 20).decode()
        logger.info("heard again")
        stream.close()
        *_, count, last = filter(None, (read + pipe.read()).splitlines())
    kept = read.count('"number"')
    assert 0 < kept < 50
    assert json.loads(count[3:]) == {"event": "log_lines_lost", "count": 51 - kept}
    assert json.loads(last[3:])["event"] == "heard again"


def test_standard_error_is_where_a_log_goes(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    structlog.get_logger().info("here")
    assert capsys.readouterr().err.startswith("<6>{")
    assert set(log.PRIORITIES) >= set(log.LEVELS)
