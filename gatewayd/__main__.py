"""`gatewayd` and `python -m gatewayd`."""

import sys

from gatewayd.cli.program import program


def main() -> None:
    """Run one command and end with an exit code of sysexits.h."""
    sys.exit(program(sys.argv[1:]))


if __name__ == "__main__":
    main()
