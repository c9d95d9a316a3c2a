"""Everything that can stop the daemon or a command, by who is to blame.

* GatewayError             ours; the base of all, exit code 70
    * UsageError           the command line asks for something that does not exist: 64
    * Refused              the hardware audit refuses to drive this site: 69
    * StateError           the state directory cannot be read or written: 74
        * DamagedState     a file in it is not what we wrote; nothing was changed
    * LineFailed           a port fails, or a unit on it does not do what it should: 74
    * TryAgain             it may work later: 75
        * StateInUse       another process holds the state directory
        * PortInUse        another process has the serial port
    * NotPermitted         whoever asks may not: 77
    * ConfigError          the configuration is wrong: 78

Exit codes are those of sysexits.h. Normal trouble (silence, a denial, a full queue) is
not here: it is a value where it happens.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


class GatewayError(Exception):
    """Something that ends what was asked for. Its text is for the operator: no secrets."""

    exit_code: ClassVar[int] = 70


class UsageError(GatewayError):
    """The command line makes no sense."""

    exit_code = 64


class Refused(GatewayError):
    """The audit does not approve of the hardware."""

    exit_code = 69


class StateError(GatewayError):
    """The state directory, or a file in it, cannot be used."""

    exit_code = 74


class DamagedState(StateError):
    """A file of ours does not hold what we wrote. Names the file and what to do."""


class LineFailed(GatewayError):
    """A port cannot be used, or a unit does not answer as it should."""

    exit_code = 74


class TryAgain(GatewayError):
    """It cannot be done now."""

    exit_code = 75


class PortInUse(TryAgain):
    """Another process has the port open."""


class StateInUse(TryAgain):
    """Another process has the state directory open."""


class NotPermitted(GatewayError):
    """Whoever asks may not do this."""

    exit_code = 77


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in a configuration file.

    `key` is the path inside it ("doors.lobby.lock.controller"); "" for the file itself.
    """

    file: str
    key: str
    reason: str

    def __str__(self) -> str:
        """One line: file, key path, reason."""
        return ": ".join(part for part in (self.file, self.key, self.reason) if part)


class ConfigError(GatewayError):
    """The configuration is wrong. Names file, key and reason of every mistake at once."""

    exit_code = 78

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))
