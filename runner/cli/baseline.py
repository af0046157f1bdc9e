"""The verb ``baseline``: plain models on the data of a command or a run, and who loses to whom."""

from __future__ import annotations

import os
import statistics
from typing import TYPE_CHECKING

from runner.cli.flags import no_more, one_configuration, run_folder, take, trusted_of, whole_number
from runner.errors import ConfigError, printable

if TYPE_CHECKING:
    from runner.baseline.compare import Compared
    from runner.cli.progress import Terminal

USAGE = "baseline RUN_DIR|[OVERRIDES] [--seeds 3]"


def baseline(arguments: list[str]) -> int:
    """Fit the baselines, print their scores, and those of a run beside them."""
    from runner.baseline.compare import compare
    from runner.cli.progress import Terminal
    from runner.config.check import check_untrained

    given, rest = take(arguments, "--seeds")
    seeds = whole_number("--seeds", given, 1) if given is not None else 3
    with Terminal() as terminal:
        if any(os.path.isdir(word) or ("=" not in word and not word.startswith("-")) for word in rest):
            name, compared = _of_run(rest, seeds, terminal)
        else:
            _, config = one_configuration(rest)
            choices = config.hydra.runtime.choices if "hydra" in config else {}
            name = config.name or str(choices.get("data", "data"))
            compared = compare(check_untrained(config), seeds, terminal)
    file = compared.write(name)
    _show(compared)
    print(printable(f"\n{file}"))
    return 0


def _of_run(rest: list[str], seeds: int, terminal: Terminal) -> tuple[str, Compared]:
    from pathlib import Path

    from runner.baseline.compare import OfRun, compare
    from runner.config.run_config import PLACE
    from runner.run import evaluate_run, load
    from runner.run.trained import TrainedNetwork

    places, rest = [w for w in rest if PLACE.match(w)], [w for w in rest if not PLACE.match(w)]
    trusted, rest = trusted_of(rest, "baseline")
    folder, rest = run_folder(rest, USAGE)
    no_more(rest, USAGE)
    network = load(folder, trusted_targets=trusted)
    if type(network) is not TrainedNetwork:
        raise ConfigError(f"{folder}: is an ensemble. Expected the folder of one run, such as one of its members.")
    weights = network.recipe.trainer.test_weights
    if weights == "last":
        network = load(folder, weights, trusted_targets=trusted)
    own: dict[str, dict[str, float]] = {
        part: evaluate_run(folder, part, weights, trusted_targets=trusted, overrides=places)
        for part in ("val", "test")
        if part in network.sizes
    }
    return Path(folder).resolve().name, compare(network.recipe_at(places), seeds, terminal, OfRun(folder, own, network))


def _show(compared: Compared) -> None:
    from runner.cli.tables import number, plain_table, put

    print()
    for note in compared.notes:
        print(printable(note))
    for part, models in compared.scores.items():
        names = list(next(iter(models.values()))[0])
        table = plain_table(f"{part} ({compared.sizes[part]:,})", *names)
        for model, runs in models.items():
            row = []
            for name in names:
                values = [scores[name] for scores in runs]
                spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 and statistics.stdev(values) else ""
                row.append(number(statistics.fmean(values)) + spread)
            table.add_row(model, *row)
        put(table)
        print()
    for sentence in compared.verdicts():
        print(printable(sentence))
    if compared.run is not None:
        size = compared.sizes[compared.judged]
        print(f"intervals: these models on other examples like the {size:,} of {compared.judged};")
        print("what another seed changes, `compare` and `ablate` tell")
