"""A file of keys to be imported: one line a controller, `lobby-reader 8f3c…`.

The file serves for the import only and should be destroyed after it; it is refused if others
than its owner may read it. All mistakes are named at once, by line, and never with a word of
the file: what stands where a name belongs may be a key.
"""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gatewayd.core.model import ControllerId
from gatewayd.edge.key_seal import NAME
from gatewayd.edge.private_file import read_private
from gatewayd.edge.secret import Secret
from gatewayd.errors import ConfigError, Mistake
from protocol.osdp.secure_keys import weakness

LONGEST = 128 << 10  # bytes; 1024 lines of the longest names take 66 KiB

_KEY = re.compile(r"[0-9a-fA-F]{32}", re.ASCII)


def read_key_file(
    path: Path, known: Container[ControllerId] | None = None
) -> dict[ControllerId, Secret]:
    """Return the controllers' keys. Blank lines and lines that begin with # are passed over.

    `known` are the controllers there are; None: any name will do. Raises StateError if the
    file cannot be used, ConfigError with every mistake in it.
    """
    try:
        text = read_private(path, LONGEST).decode("ascii")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        reason = "holds something that is not ASCII"
        # `from None`: a decoding error carries the whole file
        raise ConfigError([Mistake(str(path), f"line {line}", reason)]) from None
    read = _Reading(known)
    mistakes = [
        Mistake(str(path), f"line {number}", wrong)
        for number, words in _lines(text)
        if (wrong := read.take(number, words)) is not None
    ]
    if mistakes:
        raise ConfigError(mistakes)
    return read.keys


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if words and not words[0].startswith("#"):
            yield number, words


@dataclass(slots=True)
class _Reading:
    known: Container[ControllerId] | None
    keys: dict[ControllerId, Secret] = field(default_factory=dict)
    _named: dict[str, int] = field(default_factory=dict, repr=False)  # at which line
    _given: dict[bytes, int] = field(default_factory=dict, repr=False)

    def take(self, number: int, words: list[str]) -> str | None:
        """Keep what a line gives, or say what is wrong with it."""
        if len(words) != 2:
            return "must be a controller and a key of 32 hexadecimal digits"
        name, digits = words
        wrong = [*self._wrong_name(number, name), *self._wrong_key(number, digits)]
        if wrong:
            return "; ".join(wrong)
        self.keys[ControllerId(name)] = Secret(bytes.fromhex(digits))
        return None

    def _wrong_name(self, number: int, name: str) -> Iterator[str]:
        if not NAME.fullmatch(name):
            yield "a controller's name is 1 to 32 of a-z, 0-9, _ and -"
        elif self.known is not None and name not in self.known:
            yield "is for no controller of the configuration"
        elif (first := self._named.setdefault(name, number)) != number:
            yield f"is for the same controller as line {first}"

    def _wrong_key(self, number: int, digits: str) -> Iterator[str]:
        if not _KEY.fullmatch(digits):
            yield "the key must be 32 hexadecimal digits"
            return
        key = bytes.fromhex(digits)
        if (weak := weakness(key)) is not None:
            yield f"the key {weak}"
        elif (first := self._given.setdefault(key, number)) != number:
            yield f"has the same key as line {first}: every unit has its own"
