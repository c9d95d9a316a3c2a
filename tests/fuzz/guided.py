"""One fuzz target under atheris, in this process, for a while.

    python -m tests.fuzz.guided TARGET DIRECTORY [libFuzzer's own options]

DIRECTORY keeps the inputs that reached something new, and what failed. Coverage of the
protocol and of the trace files guides the fuzzer, so both are imported under its eyes.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["protocol", "gatewayd"]):
    from tests.fuzz.targets import TARGETS


def main(name: str, directory: Path, options: list[str]) -> None:
    """Fuzz; the process ends inside."""
    target = TARGETS[name]
    corpus, failed = directory / "corpus", directory / "failed"
    for each in (corpus, failed):
        each.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate((*target.seeds(), *target.found)):
        (corpus / f"seed-{number}").write_bytes(seed)
    arguments = [
        sys.argv[0],
        str(corpus),
        f"-artifact_prefix={failed}/",
        f"-max_len={target.longest}",
        "-use_value_profile=1",  # much of the code is tables: nearly equal numbers count too
        "-timeout=10",
        "-print_final_stats=1",
        *options,
    ]
    atheris.Setup(arguments, target.take)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
