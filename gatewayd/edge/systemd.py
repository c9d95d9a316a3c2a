"""What systemd wants to hear: sd_notify(3) in a dozen lines, and the watchdog.

The watchdog is fed only while `alive()` says that the loops that matter have run lately. A
task that hangs while the event loop goes on would otherwise never be noticed.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping

import structlog

log = structlog.get_logger()


def notify(*assignments: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send "READY=1", "STATUS=…", …; False if nobody listens. Never raises, never waits."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):  # Linux' abstract namespace
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.sendto("\n".join(assignments).encode(), address)
    except OSError as error:
        log.warning("systemd_not_notified", why=str(error))
        return False
    return True


def watchdog_interval(environ: Mapping[str, str] = os.environ) -> float | None:
    """Return how often to feed the watchdog, in seconds; None if there is none for us.

    It is a third of what systemd allows, so that one feed may be late.
    """
    period, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not period.isdecimal() or int(period) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(period) / 3e6


async def feed_watchdog(
    alive: Callable[[], bool], environ: Mapping[str, str] = os.environ
) -> None:
    """Feed the watchdog while all is well, until cancelled; return at once if there is none."""
    interval = watchdog_interval(environ)
    if interval is None:
        return
    hungry = False
    while True:
        well = alive()
        if well:
            notify("WATCHDOG=1", environ=environ)
        elif not hungry:
            log.error("watchdog_not_fed", why="a loop that matters does not run")
        hungry = not well
        await asyncio.sleep(interval)
