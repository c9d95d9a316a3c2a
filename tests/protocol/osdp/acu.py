"""What the tests after the published ACU test cases share (docs/osdp-acu-cases.md).

The cases are the ones of the SIA "OSDP Verified" list that are required of a panel in its
Basic or Secure Channel profile. These are tests of our own, written after the titles and
descriptions of those cases; nobody certified anything.
"""

import pytest

from protocol.osdp.replies import RawCard, RawFormat

KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18")
NEW_KEY = bytes.fromhex("35b2c07e94d81f6aa3004e59f7216cd8")
CARD = RawCard(0, RawFormat.WIEGAND, 26, bytes.fromhex("deadbec0"))


def case(number: str) -> pytest.MarkDecorator:
    """Give a test the number of its case as its id; each number is given once."""
    return pytest.mark.parametrize((), [pytest.param(id=number)])
