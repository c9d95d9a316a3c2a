"""Secrets show themselves only when asked by name."""

import copy
import json
import pickle
from dataclasses import asdict

import pytest

from gatewayd.edge.root_key import RootKey
from gatewayd.edge.secret import Secret
from gatewayd.edge.unit_keys import Keys

RAW = bytes.fromhex("8f3c11d2a45e90b76611fe02c3d84a5b")
ROOT = RAW + bytes(reversed(RAW))


def hidden(text: str) -> bool:
    return all(each not in text.lower() for each in (RAW.hex(), repr(RAW), "143", "8f3c"))


def test_a_key_is_not_in_a_text_a_dictionary_or_a_file() -> None:
    key = Secret(RAW)
    keys = Keys(key, key)
    for shown in (repr(key), str(key), f"{key}", repr(keys), repr(asdict(keys))):
        assert hidden(shown)
    assert hidden(repr(RootKey(ROOT)))
    assert not hasattr(key, "__dict__")
    assert copy.copy(key) is copy.deepcopy(key) is key
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        json.dumps(key)
    with pytest.raises(TypeError):
        hash(key)


def test_keys_are_equal_by_what_they_are() -> None:
    assert Secret(RAW) == Secret(bytes(RAW))
    assert Secret(RAW) != Secret(RAW[:-1])
    assert Secret(RAW) != RAW
    assert Secret(RAW).reveal() == RAW
