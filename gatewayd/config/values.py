"""Single values of config.toml: names, paths, numbers, and what is said of wrong ones."""

import difflib
import os
import re
import zoneinfo
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo
from pydantic_core import PydanticCustomError

from protocol import wiegand

LONGEST_SECRET = 64 << 10  # bytes of a password or key file
LONGEST_SOCKET_PATH = 107  # bytes; sun_path of unix(7), without its final zero

LONGEST_PULSE = 6_553  # seconds; the wire counts to 6553.5
LONGEST_OPEN = 86_400

NUL = "\0"  # TOML can write it, no file name can hold it

_NAME = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII)  # safe as a level of a topic
_CREDENTIAL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", re.ASCII)
_CODE = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_PREFIX = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", re.ASCII)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise PydanticCustomError("name", "a name is 1 to 32 of a-z, 0-9, _ and -")
    return text


def _credential(text: str) -> str:
    if not _CREDENTIAL.fullmatch(text):
        raise PydanticCustomError(
            "credential", "must be 1 to 64 of A-Z, a-z, 0-9, _, - and, not first, ."
        )
    return text


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise PydanticCustomError(
            "prefix", "must be up to 64 of A-Z, a-z, 0-9, _ and -, in levels separated by /"
        )
    return text


def _resolved(path: Path, info: ValidationInfo) -> Path:
    """Relative paths count from the directory of the file they stand in."""
    base = info.context.get("base") if info.context else None
    return base / path if base else path


def _readable(path: Path) -> Path:
    """Return the path of an existing regular file that can be opened."""
    if not path.is_file():
        raise PydanticCustomError("file", "no such file: {path}", {"path": str(path)})
    if not os.access(path, os.R_OK):
        raise PydanticCustomError("file", "cannot be read: {path}", {"path": str(path)})
    return path


def _secret(path: Path) -> Path:
    """Return the path of a file that not everybody may read."""
    status = path.stat()
    if status.st_mode & 0o007:
        raise PydanticCustomError(
            "secret",
            "{path} is open to everybody (mode {mode}); chmod o= it, or 600",
            {"path": str(path), "mode": f"{status.st_mode & 0o777:03o}"},
        )
    if status.st_size > LONGEST_SECRET:
        raise PydanticCustomError("secret", "{path} is too long", {"path": str(path)})
    return path


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise PydanticCustomError("path", "must be an absolute path")
    if NUL in str(path):
        raise PydanticCustomError("path", "must not contain a zero character")
    return path


def _socket_path(path: Path) -> Path:
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise PydanticCustomError(
            "path", "longer than {longest} bytes", {"longest": LONGEST_SOCKET_PATH}
        )
    return path


def _known_format(name: str) -> str:
    if name not in wiegand.FORMATS:
        known = ", ".join(wiegand.FORMATS)
        raise PydanticCustomError("format", "must be one of {known}", {"known": known})
    return name


def _known_zone(name: str) -> str:
    """Return a name that IANA's data of this machine (or of PyPI's tzdata) knows."""
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not known, no name at all, a directory
        close = difflib.get_close_matches(name[:64], zoneinfo.available_timezones(), 1)
        meant = f"; did you mean {close[0]}?" if close else ""
        raise PydanticCustomError(
            "zone", "no such time zone{meant}", {"meant": meant or "; one is Europe/Berlin"}
        ) from None
    return name


def _facility(text: str) -> str:
    """Return a format and a facility code that fits it, as decisions write it."""
    name, _, code = text.partition(":")
    layout = wiegand.FORMATS.get(name)
    if layout is None or layout.facility is None:
        known = ", ".join(each.name for each in wiegand.FORMATS.values() if each.facility)
        raise PydanticCustomError(
            "facility",
            "must be a format and a code, as H10301:36; with a code are {known}",
            {"known": known},
        )
    most = (1 << layout.facility[1]) - 1
    if not _CODE.fullmatch(code) or int(code) > most:
        raise PydanticCustomError(
            "facility", "the code of {name} is 0 to {most}", {"name": name, "most": most}
        )
    return text


Name = Annotated[str, AfterValidator(_name)]
Prefix = Annotated[str, AfterValidator(_prefix)]
CredentialName = Annotated[str, AfterValidator(_credential)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=255)]
TcpPort = Annotated[int, Field(ge=1, le=65535)]
Number = Annotated[int, Field(ge=0, le=255)]
AnyPath = Annotated[Path, AfterValidator(_resolved)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
SocketPath = Annotated[AbsolutePath, AfterValidator(_socket_path)]
ReadableFile = Annotated[AnyPath, AfterValidator(_readable)]
SecretFile = Annotated[ReadableFile, AfterValidator(_secret)]
FormatName = Annotated[str, AfterValidator(_known_format)]
TimeZone = Annotated[str, AfterValidator(_known_zone)]
FacilityCode = Annotated[str, AfterValidator(_facility)]
PulseSeconds = Annotated[float, Field(ge=0.1, le=LONGEST_PULSE)]
OpenSeconds = Annotated[float, Field(ge=0.1, le=LONGEST_OPEN)]
Level = Literal["active", "inactive"]
