"""Who a board is, whom it tells, who decides: 0x8e to 0x96, 0xa0 and 0xc8."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import ClassVar

from construct import Byte, Bytes, Construct, Int16ul, Int32ul, Struct

from protocol.message import Form, Forms
from protocol.uhppote.message import MAGIC, Done, Guarded, Reply, Request
from protocol.uhppote.values import ADDRESS, FLAG, LOOSE_DATE, VERSION, Date

NOBODY = IPv4Address(0)


@dataclass(frozen=True, slots=True)
class SpecialEventsSet(Done):
    """0x8e: whether it holds."""

    CODE: ClassVar[int] = 0x8E


@dataclass(frozen=True, slots=True)
class RecordSpecialEvents(Request):
    """0x8e: log doors and buttons too; boards come without it."""

    enable: bool

    CODE: ClassVar[int] = 0x8E
    REPLY: ClassVar[type[Reply] | None] = SpecialEventsSet
    LAYOUT: ClassVar[Construct] = Struct("enable" / Bytes(1))
    FORMS: ClassVar[Forms] = {"enable": FLAG}


_LISTENER = Struct("address" / Bytes(4), "port" / Int16ul, "interval" / Byte)


@dataclass(frozen=True, slots=True)
class ListenerSet(Done):
    """0x90: whether it holds."""

    CODE: ClassVar[int] = 0x90


@dataclass(frozen=True, slots=True)
class SetListener(Request):
    """0x90: the one listener that gets events pushed; `NOBODY`, port 0: none.

    `interval`: seconds after which the newest event and the status are pushed again, 0 never.
    """

    address: IPv4Address
    port: int
    interval: int = 0

    CODE: ClassVar[int] = 0x90
    REPLY: ClassVar[type[Reply] | None] = ListenerSet
    LAYOUT: ClassVar[Construct] = _LISTENER
    FORMS: ClassVar[Forms] = {"address": ADDRESS}


@dataclass(frozen=True, slots=True)
class Listener(Reply):
    """0x92: who gets events pushed."""

    address: IPv4Address
    port: int
    interval: int = 0

    CODE: ClassVar[int] = 0x92
    LAYOUT: ClassVar[Construct] = _LISTENER
    FORMS: ClassVar[Forms] = {"address": ADDRESS}


@dataclass(frozen=True, slots=True)
class GetListener(Request):
    """0x92: who gets events pushed?"""

    CODE: ClassVar[int] = 0x92
    REPLY: ClassVar[type[Reply] | None] = Listener


def _read_mac(raw: bytes) -> str:
    return raw.hex(":")


def _write_mac(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


@dataclass(frozen=True, slots=True)
class Identity(Reply):
    """0x94: who it is; `version` as in "8.92", `mac` as in "00:12:23:34:45:56"."""

    address: IPv4Address
    netmask: IPv4Address
    gateway: IPv4Address
    mac: str
    version: str
    released: Date | None

    CODE: ClassVar[int] = 0x94
    LAYOUT: ClassVar[Construct] = Struct(
        "address" / Bytes(4),
        "netmask" / Bytes(4),
        "gateway" / Bytes(4),
        "mac" / Bytes(6),
        "version" / Bytes(2),
        "released" / Bytes(4),
    )
    FORMS: ClassVar[Forms] = {
        "address": ADDRESS,
        "netmask": ADDRESS,
        "gateway": ADDRESS,
        "mac": Form(_read_mac, _write_mac),
        "version": VERSION,
        "released": LOOSE_DATE,
    }


@dataclass(frozen=True, slots=True)
class Identify(Request):
    """0x94: who are you? The only question that may go to every board."""

    CODE: ClassVar[int] = 0x94
    REPLY: ClassVar[type[Reply] | None] = Identity


@dataclass(frozen=True, slots=True)
class SetAddress(Request):
    """0x96: take another address. Never answered; ask who answers there instead."""

    address: IPv4Address
    netmask: IPv4Address
    gateway: IPv4Address
    magic: int = MAGIC

    CODE: ClassVar[int] = 0x96
    LAYOUT: ClassVar[Construct] = Struct(
        "address" / Bytes(4), "netmask" / Bytes(4), "gateway" / Bytes(4), "magic" / Int32ul
    )
    FORMS: ClassVar[Forms] = {"address": ADDRESS, "netmask": ADDRESS, "gateway": ADDRESS}


@dataclass(frozen=True, slots=True)
class HostControlSet(Done):
    """0xa0: whether it holds."""

    CODE: ClassVar[int] = 0xA0


@dataclass(frozen=True, slots=True)
class SetHostControl(Request):
    """0xa0 (PC control): the host decides, as long as it is heard every 30 s."""

    enable: bool
    magic: int = MAGIC

    CODE: ClassVar[int] = 0xA0
    REPLY: ClassVar[type[Reply] | None] = HostControlSet
    LAYOUT: ClassVar[Construct] = Struct("magic" / Int32ul, "enable" / Bytes(1))
    FORMS: ClassVar[Forms] = {"enable": FLAG}


@dataclass(frozen=True, slots=True)
class DefaultsRestored(Done):
    """0xc8: whether everything is as the maker left it."""

    CODE: ClassVar[int] = 0xC8


@dataclass(frozen=True, slots=True)
class RestoreDefaults(Guarded):
    """0xc8: forget everything. Never sent by a program on its own."""

    CODE: ClassVar[int] = 0xC8
    REPLY: ClassVar[type[Reply] | None] = DefaultsRestored
