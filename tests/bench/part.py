"""Run one part of the benchmarks in this process and write what it measured.

python -m tests.bench.part line build/bench/line.json
"""

import importlib
import json
import sys
from dataclasses import asdict
from pathlib import Path


def main(name: str, target: Path) -> None:
    """Measure; the file appears only when everything went well."""
    results = importlib.import_module(f"tests.bench.{name}").measure()
    target.write_text(json.dumps([asdict(result) for result in results], indent=1))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
