"""The base keys of units in benchmarks: both ends know them, and so does everybody else."""


def key_of(address: int) -> bytes:
    """Return the key of the unit at an address, no two alike and none of the weak ones."""
    return bytes.fromhex(f"8f1d4ac2077eb93351e60bd4729cfa{address:02x}")
