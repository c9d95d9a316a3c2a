"""What a unit says of itself, in words (SIA OSDP 2.2, Annex B)."""

from collections.abc import Callable, Iterator, Mapping

from gatewayd.app.errands import Portrait
from gatewayd.core.audit import Finding
from gatewayd.core.model import Identity
from protocol.osdp.replies import Function, InputState

LIGHTS = {1: "on and off", 2: "timed", 3: "two colours, timed", 4: "three colours, timed"}
VERSIONS = {1: "IEC 60839-11-5", 2: "SIA OSDP 2.2"}

Words = Callable[[int, int], str]  # of compliance and count


def lines_of(portrait: Portrait, found: Finding) -> Iterator[tuple[str, str]]:
    """Yield what is asked for and the answer, line by line."""
    identity = portrait.identity
    yield "vendor", identity.vendor
    yield "model", f"{identity.model}, version {identity.hardware}"
    yield "serial", identity.serial
    yield "firmware", ".".join(map(str, identity.firmware))
    yield "identity", _proof(portrait)
    replacement = f"; replace it by {found.replacement}" if found.replacement else ""
    yield "verdict", f"{found.verdict.value}: {found.why}{replacement}"
    for each in capabilities_of(identity):
        yield "has", each
    yield from _status(portrait)


def _proof(portrait: Portrait) -> str:
    if portrait.identity.proved:
        return "proved inside a secure session with its key"
    if portrait.fault is not None:
        return f"claimed; no secure session: {portrait.fault}"
    return "claimed in clear; no key of it is used here"


def _status(portrait: Portrait) -> Iterator[tuple[str, str]]:
    if portrait.refusal is not None:
        yield "status", portrait.refusal
    if portrait.local is not None:
        yield "housing", "open" if portrait.local.tamper else "closed"
        yield "power", "failing" if portrait.local.power else "good"
    if portrait.inputs is not None:
        for number, state in enumerate(portrait.inputs.inputs):
            yield f"input {number}", _input(state)
    if portrait.outputs is not None:
        for number, state in enumerate(portrait.outputs.outputs):
            yield f"output {number}", "on" if state else "off"


def _input(state: int) -> str:
    try:
        return InputState(state).name.lower()
    except ValueError:
        return f"state {state}"


def capabilities_of(identity: Identity) -> Iterator[str]:
    """Yield what the unit says it has."""
    for function, compliance, count in identity.capabilities:
        words = _WORDS.get(function)
        if words is None:
            yield f"function {function}: compliance {compliance}, count {count}"
        elif text := words(compliance, count):
            yield text


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}" if count else ""


def _security(compliance: int, count: int) -> str:
    if not compliance & 1:
        return "no secure channel"
    return "secure channel (AES-128)" + (", default key" if count & 1 else "")


def _version(compliance: int, _: int) -> str:
    return f"version {VERSIONS[compliance]}" if compliance in VERSIONS else ""


_WORDS: Mapping[int, Words] = {
    Function.CONTACTS: lambda _, count: _many(count, "input"),
    Function.OUTPUTS: lambda _, count: _many(count, "output"),
    Function.CARD_FORMAT: lambda level, _: "cards as bits" if level else "",
    Function.LEDS: lambda level, count: (
        f"{_many(count, 'light')}: {LIGHTS.get(level, 'colours')}" if level and count else ""
    ),
    Function.SOUND: lambda level, _: "a sounder" if level else "",
    Function.TEXT: lambda level, count: _many(count, "display") if level else "",
    Function.TIME: lambda level, _: "a clock" if level else "",
    Function.CHECK: lambda level, _: "CRC" if level else "checksum only",
    Function.SECURITY: _security,
    Function.RECEIVE_SIZE: lambda low, high: f"takes {low | high << 8} bytes at once",
    Function.LARGEST_MESSAGE: lambda low, high: f"messages up to {low | high << 8} bytes",
    Function.SMART_CARD: lambda level, _: "smart cards" if level else "",
    Function.READERS: lambda _, count: _many(max(1, count), "reader"),
    Function.BIOMETRICS: lambda level, _: "biometrics" if level else "",
    Function.PIN_ENTRY: lambda level, _: "secure PIN entry" if level else "",
    Function.VERSION: _version,
}
