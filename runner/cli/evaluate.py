"""The verb ``evaluate``: scores of a trained network on one part of its data, and what else is seen of it."""

from __future__ import annotations

from typing import Any

from runner.cli.counter import Counter
from runner.cli.flags import beams_of, no_more, one_of, run_folder, switch, take, trusted_of

USAGE = (
    "evaluate RUN_DIR [data.path=FILE] [--split test] [--checkpoint best] [--device auto] "
    "[--evaluation full|summary|off] [--tta flip|shift|flip_shift] [--beams N [--length-penalty A]] "
    "[--allow-changed-data]"
)


def evaluate(arguments: list[str]) -> int:
    """Score a run's network, and write tables, curves and pictures into the run's folder."""
    from runner.cli.tables import score_table
    from runner.config.run_config import PLACE
    from runner.run import evaluate_run

    given, rest = {}, arguments
    for flag in ("--split", "--checkpoint", "--device", "--evaluation", "--tta", "--beams", "--length-penalty"):
        given[flag], rest = take(rest, flag)
    changed, rest = switch(rest, "--allow-changed-data")
    places, rest = [w for w in rest if PLACE.match(w)], [w for w in rest if not PLACE.match(w)]
    trusted, rest = trusted_of(rest, "evaluate")
    folder, rest = run_folder(rest, USAGE)
    no_more(rest, USAGE)
    level: Any = one_of(given, "--evaluation", ("full", "summary", "off")) or "full"
    split = given["--split"] or "test"
    beams, length_penalty = beams_of(given["--beams"], given["--length-penalty"])
    said: list[str] = []
    progress = Counter("examples")
    scores = evaluate_run(
        folder,
        split,
        given["--checkpoint"] or "best",
        given["--device"] or "auto",
        trusted,
        changed,
        places,
        evaluation=level,
        tell=said.append,
        hear=progress.hear,
        views=given["--tta"],
        beams=beams,
        length_penalty=length_penalty,
    )
    progress.clear()
    score_table({split: scores})
    for sentence in said:
        progress.tell(sentence)  # the scores alone are standard output
    return 0
