"""`gatewayd` and `python -m gatewayd`."""

import os
import sys

from gatewayd.cli.program import program


def main() -> None:
    """Run one command and end with an exit code of sysexits.h."""
    _open_standard_streams()
    sys.exit(program(sys.argv[1:]))


def _open_standard_streams() -> None:
    """Whoever closed them would have the next file we open stand in for them."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)  # noqa: FBT003  as these are
    os.close(descriptor)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


if __name__ == "__main__":
    main()
