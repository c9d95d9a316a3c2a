"""Keep an interpreter alive in which libosdp's Python half works.

Version 3.2.9 on Python 3.11 releases None more often than it took it, about 1.6 times a
command; after some thousand the interpreter aborts. So None is lent references to spare.
Since Python 3.12 None cannot be used up.
"""

import ctypes
import sys

SPARE_REFERENCES = 1 << 40


def spare_none() -> None:
    """Call once, before the library is used."""
    if sys.version_info < (3, 12):
        ctypes.c_ssize_t.from_address(id(None)).value += SPARE_REFERENCES
