"""structlog, set up once: for people on a terminal, for journald everywhere else.

On a terminal a line is coloured and readable. Otherwise it is one JSON object behind "<N>",
the priority as in sd-daemon(3), which is all that journald needs. Other libraries' `logging`
goes the same way.

`set_level` works at any time, also for loggers that exist already: the level is looked at by
a processor. Tracebacks never show local variables; there may be a secret among them. A log
that cannot be written costs nothing but itself: what nobody reads is not waited for, it is
counted, and the next line that leaves says how many are missing.
"""

import contextlib
import json
import logging
import os
import select
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "exception": 3, "critical": 2}
QUIET = ("asyncio", "aiomqtt", "mqtt", "paho")  # libraries that chat below a warning

_threshold = LEVELS["info"]


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send all logging to `stream` (standard error), at `level` and above."""
    stream = stream or sys.stderr
    terminal = stream.isatty()
    writer = _Writer(stream)
    set_level(level)
    structlog.configure(
        processors=[*_before(), *(_for_people() if terminal else _for_journald())],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=False,
    )
    _take_in_other_libraries()


def set_level(level: str) -> None:
    """Say less or more from now on."""
    global _threshold  # noqa: PLW0603  the one switch that every logger looks at
    _threshold = LEVELS[level]


def _before() -> list[Processor]:
    return [
        _drop_quiet,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
    ]


def _drop_quiet(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    if LEVELS.get("error" if method == "exception" else method, 0) < _threshold:
        raise structlog.DropEvent
    return event


def _for_people() -> list[Processor]:
    return [
        _harmless,
        structlog.dev.ConsoleRenderer(
            timestamp_key="at", exception_formatter=structlog.dev.plain_traceback
        ),
    ]


def _for_journald() -> list[Processor]:
    return [structlog.processors.format_exc_info, _json_line]


def _harmless(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Let no value from outside steer the terminal."""
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[key] = repr(value)
    return event


def _json_line(_logger: WrappedLogger, method: str, event: EventDict) -> str:
    first = {key: event.pop(key) for key in ("at", "level", "event") if key in event}
    return f"<{PRIORITIES.get(method, 6)}>" + json.dumps({**first, **event}, default=repr)


class _Writer:
    """The end of the chain: one line, at once, whatever the method was called."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._port = _pollable(stream)
        self._lost = 0

    def _write(self, line: str) -> None:
        if self._lost and self._put(_lost(self._lost)):
            self._lost = 0
        if self._lost or not self._put(line + "\n"):
            self._lost += 1

    debug = info = warning = error = exception = critical = _write

    def _put(self, text: str) -> bool:
        """Write what can be written without waiting; False if that was not all of it."""
        with contextlib.suppress(OSError, ValueError):  # ValueError: the stream is closed
            if self._port is not None:
                return self._put_pieces(text.encode(errors="backslashreplace"))
            self._stream.write(text)
            self._stream.flush()
            return True
        return False

    def _put_pieces(self, data: bytes) -> bool:
        """Who is ready to be written to takes PIPE_BUF bytes at once."""
        for at in range(0, len(data), select.PIPE_BUF):
            if self._port is None or not self._port.poll(0):
                return False
            os.write(self._stream.fileno(), data[at : at + select.PIPE_BUF])
        return True


def _pollable(stream: TextIO) -> "select.poll | None":
    """Return who knows whether the stream takes anything; None if there is no file behind."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return None
    port = select.poll()
    port.register(descriptor, select.POLLOUT)
    return port


def _lost(count: int) -> str:
    """Say it on a line of its own, whatever was cut before."""
    return f'\n<{PRIORITIES["warning"]}>{{"event": "log_lines_lost", "count": {count}}}\n'


class _Other(logging.Handler):
    """A library's own logging, into ours."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        level = record.levelname.lower()
        say = getattr(structlog.get_logger(), level if level in LEVELS else "info")
        try:
            say(record.getMessage(), **fields)
        except (TypeError, ValueError, KeyError):  # its message and arguments do not fit
            self.handleError(record)


def _take_in_other_libraries() -> None:
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _Other)]:
        root.removeHandler(handler)
    root.addHandler(_Other())
    root.setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
