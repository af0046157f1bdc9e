"""The verb ``ensemble``: several trained networks as one, in a folder of its own."""

from __future__ import annotations

import sys
from typing import Any

from runner.cli.flags import known_flags, switch, take, trusted_of
from runner.errors import ConfigError, did_you_mean, printable

USAGE = "ensemble RUN... [--weights equal|validation] [--vote] [--snapshots] [--device cpu] [data.path=FILE]"


def ensemble(arguments: list[str]) -> int:
    """Put networks together, and print their scores beside the ensemble's."""
    from runner.config.run_config import PLACE

    weights, rest = take(arguments, "--weights")
    device, rest = take(rest, "--device")
    vote, rest = switch(rest, "--vote")
    snapshots, rest = switch(rest, "--snapshots")
    known_flags(rest, USAGE)
    places, rest = [w for w in rest if PLACE.match(w)], [w for w in rest if not PLACE.match(w)]
    trusted, rest = trusted_of(rest, "ensemble")
    if not rest:
        raise ConfigError(f"expected the folders of runs: python -m runner {USAGE}.")
    if weights not in (None, "equal", "validation"):
        hint = did_you_mean(weights or "", ("equal", "validation"))
        raise ConfigError(f"--weights {weights}: expected equal or validation.{hint}")
    if vote and weights == "validation":
        raise ConfigError("--vote and --weights validation: weights are fitted to averages. Give one of them.")

    from runner.analysis.ensemble.build import build
    from runner.cli.tables import score_table

    how: Any = weights or "equal"
    folder, result = build(rest, how, vote, snapshots, device or "cpu", trusted, places, _tell)
    for split in ("val", "test"):
        if result[split] is None:
            continue
        rows = {f"{m['weight']:.3f}  {m['member']}": m[split] for m in result["members"] if split in m}
        called = f"{split} out of fold" if split == "val" and result["out_of_fold"] else split
        own = {f"{called}: ensemble": result[split]}
        for what in ("best", "mean"):
            gained = {n: g[f"over_{what}"] for n, g in result["gain"].get(split, {}).items()}
            own |= {f"gain over the {what} member": gained} if gained else {}
        score_table(rows | own)
        print()
    print(printable(f"ensemble: {folder}"))
    return 0


def _tell(text: str) -> None:
    print(printable(text), file=sys.stderr)
