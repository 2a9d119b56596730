"""Every benchmark, or those that are named.

    python -m benchmarks [start audit_log import_csv burst …] [--quick]

``--quick`` takes a hundredth of the sizes, once: to see that they run, not to learn from.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks import harness

#: What ``--quick`` gives to each.
QUICK = {
    "audit_log": ["--entries", "10000", "--rounds", "1"],
    "burst": ["--accounts", "20", "--rounds", "1"],
    "claim": ["--due", "50", "--queued", "1000", "10000", "--rounds", "3"],
    "import_csv": ["--posts", "1000", "--rounds", "1"],
    "lateness": ["--posts", "20"],
    "machines": ["--accounts", "20", "--machines", "1", "2"],
    "outcomes": ["--outcomes", "400", "--rounds", "1"],
    "start": ["--rounds", "2"],
    "waiting": ["--queued", "10000", "--seconds", "5", "--posts", "3"],
}


def main() -> None:
    here = Path(__file__).parent
    known = [file.stem for file in sorted(here.glob("*.py")) if file.stem not in _NONE]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*known, []], metavar="NAME")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    print(harness.machine(), flush=True)
    for name in options.names or known:
        words = QUICK.get(name, []) if options.quick else []
        print(f"\n== {name}", flush=True)
        subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}", *words], check=True, cwd=harness.ROOT
        )


_NONE = {"__init__", "__main__", "filled", "harness", "tls"}

if __name__ == "__main__":
    main()
