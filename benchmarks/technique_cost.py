"""What each technique costs per step, relative to the same training without it.

    python benchmarks/technique_cost.py [--rounds 5] [CHOICE ...]

Each choice is measured right after plain training with everything else at its default, round after round; the ratio is
the median over the rounds. Times are CPU seconds of one process and one thread, so that other work on the machine
counts little, and those of the fastest epoch. An epoch has 50 updates of 64 examples and one log interval; what an
option does at their end is part of its cost. ``technique_cost.json``, from which ``docs/techniques.py`` takes the
figures, is brought up to date after each choice; without any, all are measured.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import torch

HERE = Path(__file__).parent
RESULT = HERE / "technique_cost.json"
sys.path.insert(0, str(HERE))

from runner.config.check import check_run  # noqa: E402
from runner.config.groups import LISTS  # noqa: E402
from runner.config.options import Options  # noqa: E402
from runner.config.recipe import Recipe  # noqa: E402
from runner.engine.interrupt import Interrupt  # noqa: E402
from runner.engine.loop import train  # noqa: E402
from runner.engine.progress import Progress  # noqa: E402
from runner.errors import ConfigError, did_you_mean  # noqa: E402
from runner.model.layers.activation import ACTIVATIONS  # noqa: E402
from runner.model.layers.normalization import NORMALIZATIONS  # noqa: E402
from runner.record.folder import RunFolder  # noqa: E402
from runner.record.recorder import Recorder  # noqa: E402
from runner.run import compose, run  # noqa: E402
from runner.run.assembly import prepare  # noqa: E402

# 64-128-10 and 8-16-32-10, on images of 8x8.
NETWORKS = {
    "mlp": ["model=mlp", "model.hidden=[128]"],
    "cnn": ["model=cnn", "model.channels=[8,16]", "model.head=[32]"],
}
COMMON = [
    "data=random_tensors",
    "data.shape=[1,8,8]",
    "data.examples=3200",
    "trainer.threads=1",
    "trainer.device=cpu",
    "trainer.images=0",
    "trainer.max_epochs=3",
    "trusted_targets=[random_tensors]",
]
TECHNIQUES = tuple(group for group in LISTS if group != "metric")
GROUPS = ("optimizer", "optimizer/wrapper", "scheduler", "warmup", "loss", *TECHNIQUES)
# What an option needs to be at work in so short a run.
NEEDS = {
    "scheduler=multistep": ["scheduler.milestones=[1]"],
    "warmup=linear": ["warmup.epochs=3"],
    "warmup=exponential": ["warmup.epochs=3"],
    "warmup=gradient": ["warmup.epochs=3"],
    "regularization=[swa]": ["regularization.swa.start=1"],
    "regularization=[snapshot]": ["regularization.snapshot.cycles=2"],
    "loss=distillation": ["loss.teacher={teacher}"],
    "compression=[feature_matching]": ["compression.feature_matching.teacher={teacher}"],
}
# What stands on both sides of a comparison.
BOTH = {"regularization=[stochastic_depth]": ["model=resnet", "model.width=0.25"]}
REGRESSION = ["data.task=regression"]
TABLE = ["data.shape=[64]"]


class Watch(Progress):
    """Notes when epochs end."""

    def __init__(self) -> None:
        self.moments: list[tuple[int, float]] = []

    def epoch(self, fit, row):
        self.moments.append((row["step"], time.process_time()))

    def per_step(self) -> float:
        """CPU seconds per step, of the fastest epoch after the first."""
        pairs = zip(self.moments, self.moments[1:])
        return min((t - s) / (m - n) for (n, s), (m, t) in pairs)


def choices() -> list[str]:
    """Everything that is measured, as it is typed."""
    options = Options()
    found = []
    for group in GROUPS:
        for name in options.names(group):
            if name != "none":
                found.append(f"{group}=[{name}]" if group in LISTS else f"{group}={name}")
    parts = {"activation": ACTIVATIONS, "norm": NORMALIZATIONS}
    return found + [f"model.{part}={name}" for part, names in parts.items() for name in names]


def chosen(typed: str) -> str:
    """A choice as it is stored, from what was typed: brackets may be left out.

    Raises:
        ValueError: nothing of this name is measured.
    """
    group, _, name = typed.partition("=")
    choice = f"{group}=[{name.strip('[]')}]" if group in LISTS else typed
    if choice not in choices():
        raise ValueError(f"{typed}: nothing to measure has this name.{did_you_mean(choice, choices())}")
    return choice


def commands(choice: str, network: str, teacher: Path) -> tuple[list[str], list[str]]:
    """The plain command and the one with the choice."""
    both = [*COMMON, *BOTH.get(choice, NETWORKS[network])]
    if choice.removeprefix("loss=") in ("huber", "mae", "mse", "smooth_l1"):
        both += REGRESSION
    if choice == "augmentation=[feature_dropout]":
        both = [word for word in both if not word.startswith("data.shape")] + TABLE
    return both, [*both, choice, *(need.format(teacher=teacher) for need in NEEDS.get(choice, ()))]


def seconds(recipe: Recipe, folder: Path) -> float:
    """CPU seconds per step of a run, from the first update to the end of training."""
    recipe = Recipe(recipe.values)  # whose techniques have trained nothing yet
    place, watch = RunFolder(folder), Watch()
    place.create("{}\n")
    recorder = Recorder(place, None)
    try:
        with Interrupt() as interrupt:
            fit, _ = prepare(recipe, recorder, interrupt, watch)
            train(fit)
    finally:
        recorder.close()
    return watch.per_step()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("choices", nargs="*", metavar="CHOICE", help="as it is typed: regularization=mixup")
    arguments = parser.parse_args()
    try:
        arguments.choices = [chosen(typed) for typed in arguments.choices]
    except ValueError as error:
        parser.error(str(error))
    torch.set_num_threads(1)
    before = json.loads(RESULT.read_text()) if RESULT.exists() and arguments.choices else {}
    known, rounds = before.get("ratios", {}), min(before.get("rounds", arguments.rounds), arguments.rounds)
    with tempfile.TemporaryDirectory() as name:
        base, own = Path(name), str(HERE / "conf")
        checked = cache(lambda words: check_run(compose(list(words), own)))
        for network in NETWORKS:
            run(compose([*COMMON, *NETWORKS[network]], own), base / f"teacher-{network}")
        for choice in arguments.choices or choices():
            ratios: dict[str, float | None] = {}
            for network in NETWORKS:
                found = []
                try:
                    words = commands(choice, network, base / f"teacher-{network}")
                    plain, with_it = (checked(tuple(command)) for command in words)
                    for _ in range(arguments.rounds):
                        with tempfile.TemporaryDirectory(dir=base) as folder:
                            without = seconds(plain, Path(folder) / "plain")
                            found.append(seconds(with_it, Path(folder) / "with") / without)
                except ConfigError:  # not for this network
                    pass
                ratios[network] = round(statistics.median(found), 2) if found else None
            print(choice, ratios, flush=True)
            known[choice] = ratios
            there = {name: known[name] for name in choices() if name in known}
            facts = {"torch": torch.__version__, "threads": 1, "rounds": rounds, "ratios": there}
            RESULT.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
