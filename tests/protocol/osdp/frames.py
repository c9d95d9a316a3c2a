"""Strategies for frames, shared by the tests that need any."""

from hypothesis import strategies as st

from protocol.osdp.frame import MAC_LENGTH, Frame, SecurityBlock

byte = st.integers(0, 0xFF)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """Draw a frame that the wire can carry."""
    block = draw(
        st.none()
        | st.builds(
            SecurityBlock,
            st.sampled_from([0x11, 0x14, 0x15, 0x18]) | byte,
            st.binary(max_size=8),
        )
    )
    with_mac = block is not None and block.has_mac
    return Frame(
        address=draw(st.integers(0, 0x7F)),
        sequence=draw(st.integers(0, 3)),
        code=draw(byte),
        body=draw(st.binary(max_size=64)),
        reply=draw(st.booleans()),
        crc=draw(st.booleans()),
        security=block,
        mac=draw(st.binary(min_size=MAC_LENGTH, max_size=MAC_LENGTH)) if with_mac else b"",
        reserved=draw(st.sampled_from([0, 0, 0, 0x80, 0xF0])),
    )
