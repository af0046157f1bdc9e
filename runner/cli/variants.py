"""What is printed of a variant that was made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from runner.errors import printable


def made(folder: Path, result: dict[str, Any]) -> int:
    """Print a variant's scores beside its parent's, its size and its folder; the exit status."""
    from runner.cli.tables import score_table

    parent = result["parent"]
    for part in ("val", "test"):
        if result[part] is not None:
            score_table({f"{part}: before": parent[part], f"{part}: after": result[part]})
    told = result["difference"]
    print(f"outputs: differ by at most {told['largest']:.3g}, {told['mean']:.3g} on average")
    if told["in_pieces"] is not None:
        print(f"in pieces, token by token and by sevens: differ by at most {told['in_pieces']:.3g}")
    before, after = parent["bytes"], result["bytes"]
    ratio = f"{before / after:.2f} times smaller" if after <= before else f"{after / before:.2f} times larger"
    print(
        f"size: {after:,} bytes, {ratio} than {before:,}; "
        f"{result['parameters']:,} parameters of {parent['parameters']:,}"
    )
    if result["cause"]:
        print(printable(f"error: {result['cause']}. It is kept aside in {folder}."), file=sys.stderr)
        return 1
    print(printable(f"variant: {folder}"))
    if (folder / "predict.py").exists():
        print(printable(f"without runner: python {folder / 'predict.py'} FILE..."))
    return 0
