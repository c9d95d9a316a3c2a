"""The tests' side of peripherals that run in a process of their own (`far_end`).

async with ForeignPeripherals(tmp_path / "bus", [1, 2]) as foreign:
    await foreign.present_card(1, 26, "12345680")
    pulse = await foreign.wait_heard("output", address=1)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.interop.companion import Companion, Line


@dataclass(frozen=True, slots=True)
class Who:
    """What the foreign peripheral of an address says of itself."""

    vendor: str  # OUI, locally administered
    model: int
    version: int
    serial: int
    firmware: tuple[int, int, int]

    @classmethod
    def at(cls, address: int) -> "Who":
        """Return who lives there; no two are alike."""
        return cls(
            vendor=f"02f0{address:02x}",
            model=2,
            version=address,
            serial=0x10000000 + address,
            firmware=(1, 2, address),
        )


class Peripherals(Companion):
    """The program `module`, a `FarEnd`, with its port at `path`."""

    def __init__(
        self, module: str, path: Path, addresses: Sequence[int], options: Sequence[str] = ()
    ) -> None:
        self.path = path
        self.addresses = tuple(addresses)
        listed = ",".join(map(str, addresses))
        super().__init__(module, "--port", str(path), "--addresses", listed, *options)

    async def hang_up(self) -> Line:
        """Take the whole port away."""
        return await self.do("close_pty")

    async def come_back(self) -> Line:
        """Bring a new port under the same path."""
        return await self.do("open_pty")

    async def count(self) -> Line:
        """Return how many replies each peripheral sent and what the process used."""
        return await self.do("count")


class ForeignPeripherals(Peripherals):
    """libosdp's peripherals, of somebody else's making (`foreign_process`)."""

    def __init__(
        self,
        path: Path,
        addresses: Sequence[int],
        keys: Mapping[int, bytes] | None = None,
        *,
        install: Sequence[int] = (),
        lenient: bool = False,
        shared: bool = False,
        flash: Path | None = None,
    ) -> None:
        """`install`: those that have no key yet and take one by the default key.

        `lenient`: those with a key can be spoken to in clear as well. `shared`: `path` is a
        wire of several processes. `flash`: where keys that they are given outlive them.
        """
        options = ["--keyed"] if keys else []
        options += ["--install", ",".join(map(str, install))] if install else []
        options += ["--lenient"] if lenient else []
        options += ["--shared"] if shared else []
        options += ["--flash", str(flash)] if flash else []
        super().__init__("tests.interop.foreign_process", path, addresses, options)
        self._keys = {str(address): key.hex() for address, key in (keys or {}).items()}

    def introduce(self) -> None:
        """Hand over the keys where nobody can read them."""
        if self._keys:
            self._say(self._keys)

    # --- what happens at the readers --------------------------------------------------

    async def present_card(self, address: int, bits: int, data: str) -> Line:
        """Hold a card to a reader; `data` is hexadecimal and left aligned."""
        return await self.do("card", address=address, bits=bits, data=data)

    async def press_keys(self, address: int, digits: str) -> Line:
        """Type on a keypad."""
        return await self.do("keys", address=address, digits=digits)

    async def set_input(self, address: int, number: int, *, active: bool) -> Line:
        """Open or close a contact."""
        return await self.do("input", address=address, input=number, active=active)

    async def unplug(self, address: int) -> Line:
        """Take one peripheral off the wire."""
        return await self.do("silence", address=address)

    async def plug_in(self, address: int) -> Line:
        """Put it back."""
        return await self.do("answer", address=address)

    async def restart(self, address: int) -> Line:
        """Take one peripheral's power for a moment."""
        return await self.do("restart", address=address)

    # --- what they heard --------------------------------------------------------------

    def heard(self, what: str | None = None, *, after: int = 0, **fields: object) -> list[Line]:
        """Return every line about a command that was heard so far."""
        return [line for line in self._lines[after:] if _matches(line, what, fields)]

    async def wait_heard(self, what: str, *, after: int = 0, **fields: object) -> Line:
        """Return the first such line after the mark `after`."""
        return await self.wait_for(lambda line: _matches(line, what, fields), after=after)


def _matches(line: Line, what: str | None, fields: Mapping[str, object]) -> bool:
    if "heard" not in line or (what is not None and line["heard"] != what):
        return False
    return all(line.get(name) == value for name, value in fields.items())
