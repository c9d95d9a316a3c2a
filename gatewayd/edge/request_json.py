"""JSON as it is taken from outside: bounded, and nothing guessed.

Refused are duplicate keys, NaN and infinities, numbers beyond a double, text that is not
UTF-8 or holds half a character, and what is nested too deeply.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import Any

from gatewayd.edge.request_values import REQUEST_ID

LARGEST_REQUEST = 256 << 10  # bytes of one request
DEEPEST = 16  # arrays and objects inside each other


class Unreadable(ValueError):
    """Not JSON as we take it. The text is for the sender."""


def read(payload: bytes) -> dict[str, Any] | Unreadable:
    """Return the object, or what is wrong with it."""
    try:
        return _object(payload)
    except Unreadable as error:
        return error
    except RecursionError:
        return Unreadable("JSON: nested too deeply")
    except UnicodeError:
        return Unreadable("not UTF-8")
    except json.JSONDecodeError as error:  # its text is a constant sentence and a position
        return Unreadable(f"JSON: {error.msg} at character {error.pos}")
    except ValueError:  # a number of thousands of digits
        return Unreadable("JSON: a number is too long")


def _object(payload: bytes) -> dict[str, Any]:
    if len(payload) > LARGEST_REQUEST:
        raise Unreadable(f"longer than {LARGEST_REQUEST} bytes")
    document = json.loads(
        payload.decode(),
        object_pairs_hook=_no_duplicates,
        parse_constant=_no_constant,
        parse_float=_finite,
    )
    if not isinstance(document, dict):
        raise Unreadable("must be a JSON object")
    if _deeper_than(DEEPEST, document):
        raise Unreadable(f"JSON: nested deeper than {DEEPEST}")
    if _SURROGATE.search(payload):
        json.dumps(document, ensure_ascii=False).encode()  # UnicodeEncodeError if one is alone
    return document


_SURROGATE = re.compile(rb"\\u[dD][89abAB]|\\u[dD][c-fC-F]")


def _deeper_than(limit: int, document: dict[str, Any]) -> bool:
    """Look at one level of arrays and objects after the other."""
    level: list[Any] = [document]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True


def _no_duplicates(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            raise Unreadable(f"JSON: key {shown(key)} stands twice in one object")
        table[key] = value
    return table


def _no_constant(name: str) -> object:
    raise Unreadable(f"JSON: {name} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise Unreadable("JSON: a number is too large")
    return value


def shown(key: str) -> str:
    """Return a key of the sender's, short and harmless."""
    return key if REQUEST_ID.fullmatch(key) else ascii(key[:32])
