"""Keys to follow a trace with: one line a key, `3 8f1d…` (address, 32 hexadecimal digits).

An address may stand there more than once, with its old key and its new one. Weak keys will
do: this is about what was said, not about what should be. The file is refused if others than
its owner may read it, and no error has a word of it.
"""

import re
from collections import defaultdict
from pathlib import Path

from gatewayd.edge.private_file import read_private
from gatewayd.errors import ConfigError, Mistake
from protocol.osdp.frame import BROADCAST

LONGEST = 128 << 10  # bytes

_LINE = re.compile(rb"\s*(\d{1,3})\s+([0-9a-fA-F]{32})\s*")


def read_trace_keys(path: Path) -> dict[int, list[bytes]]:
    """Return the keys by address. Blank lines and lines that begin with # are passed over.

    Raises StateError if the file cannot be used, ConfigError with every mistake in it.
    """
    keys: defaultdict[int, list[bytes]] = defaultdict(list)
    mistakes = []
    for number, line in enumerate(read_private(path, LONGEST).split(b"\n"), 1):
        if not line.strip() or line.lstrip().startswith(b"#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None or int(found[1]) >= BROADCAST:
            mistakes.append(Mistake(str(path), f"line {number}", _RULE))
        else:
            keys[int(found[1])].append(bytes.fromhex(found[2].decode()))
    if mistakes:
        raise ConfigError(mistakes)
    return dict(keys)


_RULE = f"must be an address from 0 to {BROADCAST - 1} and a key of 32 hexadecimal digits"
