"""Everything that can end the daemon or a command, by who is to blame.

* GatewayError                 ours until said otherwise (70)
    * ConfigError              the configuration is wrong: every mistake at once (78)
    * StateError               a file or port that cannot be read, written or locked (74)
    * TryAgain                 somebody else is in the way for now (75)
    * NotPermitted             the one who asks may not (77)
    * Refused                  the audit does not let this site be driven (69)

`exit_code` is the process's, from sysexits.h. Messages name what is wrong and never
carry a secret.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


class GatewayError(Exception):
    """Something of ours failed."""

    exit_code: ClassVar[int] = 70  # EX_SOFTWARE


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in the configuration.

    `key` is the path inside the file ("doors.lobby.lock.controller"), "" for the
    whole file; `file` is empty until the one who read the file says which it was.
    """

    key: str
    reason: str
    file: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.key, self.reason) if part)


class ConfigError(GatewayError):
    """The configuration cannot be used; `mistakes` names every reason."""

    exit_code = 78  # EX_CONFIG

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))


class StateError(GatewayError):
    """A file, database, socket or port cannot be used."""

    exit_code = 74  # EX_IOERR


class TryAgain(GatewayError):
    """Not now: another process holds what we need."""

    exit_code = 75  # EX_TEMPFAIL


class NotPermitted(GatewayError):
    """The caller lacks the right."""

    exit_code = 77  # EX_NOPERM


class Refused(GatewayError):
    """The hardware audit does not let this site be driven."""

    exit_code = 69  # EX_UNAVAILABLE
