"""`gatewayd` and `python -m gatewayd`."""

import os
import resource
import sys
from contextlib import suppress

from gatewayd.cli.program import program


def main() -> None:
    """Run one command and end with an exit code of sysexits.h."""
    _open_standard_streams()
    _leave_no_core()
    sys.exit(program(sys.argv[1:]))


def _open_standard_streams() -> None:
    """Whoever closed them would have the next file we open stand in for them."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)  # noqa: FBT003  by position only; standard streams are inherited
    os.close(descriptor)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _leave_no_core() -> None:
    """Units' keys would be in it, the daemon's as well as a tool's."""
    with suppress(OSError, ValueError):  # a sandbox may forbid it; then it has set it itself
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
