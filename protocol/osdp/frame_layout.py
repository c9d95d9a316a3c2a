"""The definition of a frame in construct (SIA OSDP 2.2, 5.9), in two steps.

First the envelope: everything that can be read before the check is known to be right. Then
the content. `Frame` reads and writes the same bytes by hand, many times faster; tests prove
both equal, mistakes included. Nothing on the hot path imports this module.
"""

from typing import Any

from construct import (
    BitsInteger,
    BitStruct,
    Byte,
    Bytes,
    Check,
    Const,
    ConstructError,
    Flag,
    If,
    IfThenElse,
    Int16ul,
    RawCopy,
    Rebuild,
    Struct,
    Terminated,
    len_,
    this,
)

from protocol.checks import checksum, crc16
from protocol.errors import BadCheck, FrameError, UnsendableMessage
from protocol.osdp.frame import (
    FIRST_WITH_MAC,
    LAST_WITH_MAC,
    LONGEST,
    MAC_LENGTH,
    MARK,
    SHORTEST,
    Frame,
    SecurityBlock,
)

Context = Any  # construct's, untyped


def _expected(context: Context) -> int:
    """Return the check that belongs to an envelope."""
    sealed = context.sealed
    return crc16(sealed.data) if sealed.value.control.crc else checksum(sealed.data)


def _mac_length(context: Context) -> int:
    security = context.security
    has_mac = security is not None and FIRST_WITH_MAC <= security.type <= LAST_WITH_MAC
    return MAC_LENGTH if has_mac else 0


def _body_length(context: Context) -> int:
    block = 0 if context.security is None else 2 + len(context.security.data)
    return int(context._.size) - block - 1 - _mac_length(context)


ENVELOPE = Struct(
    "sealed"
    / RawCopy(
        Struct(
            "mark" / Const(MARK, Byte),
            "address" / BitStruct("reply" / Flag, "number" / BitsInteger(7)),
            "length" / Int16ul,
            Check((this.length >= SHORTEST) & (this.length <= LONGEST)),
            "control"
            / BitStruct(
                "reserved" / BitsInteger(4),
                "secured" / Flag,
                "crc" / Flag,
                "sequence" / BitsInteger(2),
            ),
            "content" / Bytes(this.length - 6 - this.control.crc),
        )
    ),
    "check" / Rebuild(IfThenElse(this.sealed.value.control.crc, Int16ul, Byte), _expected),
    Terminated,
)

CONTENT = Struct(
    "security"
    / If(
        this._.secured,
        Struct(
            "length" / Rebuild(Byte, len_(this.data) + 2),
            "type" / Byte,
            "data" / Bytes(this.length - 2),
        ),
    ),
    "code" / Byte,
    "body" / Bytes(_body_length),
    "mac" / Bytes(_mac_length),
    Terminated,
)


def parse(raw: bytes) -> Frame:
    """Open exactly one frame; raises what `Frame.decode` raises."""
    try:
        envelope = ENVELOPE.parse(raw)
        expected, head = _expected(envelope), envelope.sealed.value
        if envelope.check != expected:
            raise BadCheck(expected, envelope.check)
        content = CONTENT.parse(
            head.content, secured=head.control.secured, size=len(head.content)
        )
    except ConstructError as exc:
        raise FrameError(str(exc)) from None
    security = content.security
    return Frame(
        head.address.number,
        head.control.sequence,
        content.code,
        content.body,
        reply=head.address.reply,
        crc=head.control.crc,
        security=None if security is None else SecurityBlock(security.type, security.data),
        mac=content.mac,
        reserved=head.control.reserved << 4,
    )


def build(frame: Frame) -> bytes:
    """Lay out one frame; raises what `Frame.encode` raises."""
    if frame.reserved % 16:
        raise UnsendableMessage("the lower bits of the control byte are not reserved")
    security = frame.security
    block = None if security is None else {"type": security.type, "data": security.data}
    size = 1 + len(frame.body) + len(frame.mac) + (2 + len(security.data) if security else 0)
    try:
        content = CONTENT.build(
            {"security": block, "code": frame.code, "body": frame.body, "mac": frame.mac},
            secured=security is not None,
            size=size,
        )
        return bytes(ENVELOPE.build({"sealed": {"value": _head(frame, content)}}))
    except ConstructError as exc:
        raise UnsendableMessage(str(exc)) from None


def _head(frame: Frame, content: bytes) -> dict[str, Any]:
    return {
        "address": {"reply": frame.reply, "number": frame.address},
        "length": 6 + frame.crc + len(content),
        "control": {
            "reserved": frame.reserved >> 4,
            "secured": frame.security is not None,
            "crc": frame.crc,
            "sequence": frame.sequence,
        },
        "content": content,
    }
