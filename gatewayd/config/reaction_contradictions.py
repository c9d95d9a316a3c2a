"""What is wrong in a reaction, and between it and the rest of the site.

A reaction's output is no door's lock, and its input is nobody else's: doors and fire inputs
have theirs to themselves, and tell what they see as events.
"""

import difflib
from collections.abc import Iterator, Mapping

from gatewayd.config.loose import Use, names, table, tables, taken, use
from gatewayd.core.reaction import KINDS
from gatewayd.core.reaction import names as named_by
from gatewayd.tables import Table, Wrong

_DOINGS = ("output", "lockdown", "threat_level", "door")  # "mode" comes with its door
_PAIRS = (("door", "mode"), ("mode", "door"), ("seconds", "output"), ("on", "output"))


def about_reactions(data: Table) -> Iterator[Wrong]:
    """Look at the tables as written."""
    for name, reaction in tables(data, "reactions").items():
        if isinstance(when := reaction.get("when"), Mapping):
            yield from _when(data, f"reactions.{name}.when", when)
        then = reaction.get("then")
        if then == []:
            yield (f"reactions.{name}.then", "must not be empty")
        for number, each in enumerate(then if isinstance(then, list) else ()):
            if isinstance(each, Mapping):
                yield from _then(data, f"reactions.{name}.then.{number}", each)


# --- what triggers it -------------------------------------------------------------


def _when(data: Table, key: str, when: Table) -> Iterator[Wrong]:
    if ("event" in when) is ("input" in when):
        yield (key, "needs event or input, one of them")
    elif "input" in when:
        yield from _input(data, f"{key}.input", when["input"])
        for each in ("door", "controller"):
            if each in when:
                yield (f"{key}.{each}", "goes with event only")
    elif isinstance(when["event"], str):
        yield from _event(key, when["event"], when)
    yield from _unknown(data, key, when)


def _event(key: str, kind: str, when: Table) -> Iterator[Wrong]:
    if kind not in KINDS:
        close = difflib.get_close_matches(kind[:64], KINDS, 1)
        meant = f"; did you mean {close[0]}?" if close else ""
        yield (f"{key}.event", f"triggers nothing{meant}")
        return
    for each in ("door", "controller"):
        if each in when and each not in named_by(kind):
            yield (f"{key}.{each}", f"{kind} is about no {each}")


def _input(data: Table, key: str, value: object) -> Iterator[Wrong]:
    for each in use(key, "input", value):
        yield from _elsewhere(data, each)


# --- what it does -----------------------------------------------------------------


def _then(data: Table, key: str, then: Table) -> Iterator[Wrong]:
    doings = [each for each in _DOINGS if each in then]
    for given, needed in _PAIRS:
        if given in then and needed not in then:
            yield (f"{key}.{given}", f"needs {needed} beside it")
            return
    if len(doings) != 1:
        words = "one of output, lockdown, threat_level, and door with mode"
        yield (key, f"does {'more than' if doings else 'not even'} {words}")
    elif "output" in then:
        if ("seconds" in then) is ("on" in then):
            yield (key, "needs seconds or on beside output, one of them")
        for each in use(f"{key}.output", "output", then["output"]):
            yield from _elsewhere(data, each)
    yield from _unknown(data, key, then)


# --- the rest of the site ---------------------------------------------------------


def _elsewhere(data: Table, each: Use) -> Iterator[Wrong]:
    """Say whose it is already, or that there is no such controller."""
    if each.controller not in names(data, "controllers"):
        yield (f"{each.key}.controller", f"there is no controller {each.controller}")
    elif owner := taken(data).get(each.what):
        yield (each.key, f"{each.kind} {each.number} of {each.controller} is {owner} already")


def _unknown(data: Table, key: str, entry: Table) -> Iterator[Wrong]:
    for each in ("door", "controller"):
        name = entry.get(each)
        if isinstance(name, str) and name not in table(data, f"{each}s"):
            yield (f"{key}.{each}", f"there is no {each} {name}")
