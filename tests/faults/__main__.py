"""Inject every fault in every way, and write the table of docs/reliability.md.

python -m tests.faults                               # all of them
python -m tests.faults --most 20 --only SIGKILL --dry
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.faults.fault import Fault, Seen
from tests.faults.table import FAULTS, Row, write


def injected(fault: Fault, way: str) -> Seen:
    """What came of one way; its folder is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="fault-"))
    try:
        return fault.inject(way, folder)
    except Exception as error:  # the harness's own, or something that nobody had thought of
        return Seen("", [f"{type(error).__name__}: {error}", traceback.format_exc()])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def every(fault: Fault, most: int | None, seed: int, only: str | None) -> Row:
    """Inject a fault in all its ways, and say how it goes."""
    row, ways = Row(fault), list(fault.ways())
    if most is not None and most < len(ways):
        ways = [ways[i] for i in sorted(random.Random(seed).sample(range(len(ways)), most))]
    began = told = time.monotonic()
    for number, way in enumerate(ways, start=1):
        if only is not None and way != only:
            continue
        seen = injected(fault, way)
        row.add(way, seen)
        if not seen.well:
            print(f"  {way}: lost {seen.lost}, double {seen.double}: {' | '.join(seen.wrong)[:800]}", flush=True)
        if time.monotonic() - told > 20:
            told = time.monotonic()
            print(f"  {number} of {len(ways)}, {told - began:.0f} s", flush=True)
    print(f"{fault.name}: {row.injected} times, {len(row.bad)} not well, {time.monotonic() - began:.0f} s", flush=True)
    return row


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="faults in whose names this stands")
    parser.add_argument("--most", type=int, help="ways of each fault at most, drawn at random (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--way", help="this way alone")
    parser.add_argument("--dry", action="store_true", help="leave the page as it is")
    arguments = parser.parse_args()
    bad = 0
    for fault in (fault for fault in FAULTS if arguments.only in fault.name):
        if reason := fault.missing():
            print(f"{fault.name}: left out: {reason}", flush=True)
            continue
        row = every(fault, arguments.most, arguments.seed, arguments.way)
        bad += len(row.bad)
        if not arguments.dry:
            write(row)
    sys.exit(int(bad > 0))


if __name__ == "__main__":
    main()
