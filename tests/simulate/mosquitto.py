"""A real Mosquitto on a loopback port of its own, to be started, killed and restarted."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

PROGRAM = "/usr/sbin/mosquitto"
PATIENCE = 5.0  # seconds until it must listen, or be gone
LOOK = 0.01


class Mosquitto:
    """One broker: always the same port and directory, however often it is restarted.

    With `persistence` it is set up as a site should: nothing that it acknowledged is lost
    when it is killed. Without, it forgets everything.
    """

    def __init__(
        self,
        directory: Path,
        *,
        persistence: bool = False,
        anonymous: bool = True,
        extra: str = "",  # lines of mosquitto.conf
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.port = _free_port()
        self._directory = directory
        self._config = directory / "mosquitto.conf"
        self._config.write_text(self._settings(persistence, anonymous) + extra)
        self._process: subprocess.Popen[bytes] | None = None

    def _settings(self, persistence: bool, anonymous: bool) -> str:  # noqa: FBT001  # named above
        user = "user root\n" if os.geteuid() == 0 else ""  # else it leaves its own directory
        keep = (
            f"persistence true\npersistence_location {self._directory}/\n"
            "autosave_interval 1\nautosave_on_changes true\n"
            if persistence
            else "persistence false\n"
        )
        return (
            f"{user}listener {self.port} 127.0.0.1\nallow_anonymous {str(anonymous).lower()}\n"
            f"max_queued_messages 0\nlog_dest file {self._directory}/log\n{keep}"
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def log(self) -> str:
        """What it said."""
        return (self._directory / "log").read_text(errors="replace")

    def start(self) -> None:
        """Start and wait until it listens."""
        assert self._process is None
        self._process = subprocess.Popen(
            [PROGRAM, "-c", str(self._config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + PATIENCE
        while not self._listens():
            assert self._process.poll() is None, self.log
            assert time.monotonic() < end, "mosquitto does not listen"
            time.sleep(LOOK)

    def stop(self) -> None:
        """End it politely."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, or notice that it has ended."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Kill it and start it again on the same port."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Let it hang: the socket stays, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE)
            self._process = None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
