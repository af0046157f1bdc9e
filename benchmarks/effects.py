"""Does every recipe in conf/experiment show what its name promises? Runs both sides of each effect and compares them.

    python benchmarks/effects.py                              # all of them, on two cores
    python benchmarks/effects.py --only plateau dead_relu

Each side is trained with several seeds, which draw the weights and the order of the examples; the split stays. The
tables go to standard output and between the markers of docs/effects.md, the pictures to docs/pictures/effects/.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"
COLOURS = ("tab:red", "tab:blue", "tab:green", "tab:orange", "tab:purple", "tab:brown", "tab:grey", "tab:cyan")


@dataclass
class Trained:
    """What one run left: its result, its lines by epoch, its scores by log interval, and facts about its weights."""

    result: dict[str, Any]
    epochs: list[dict[str, Any]]
    intervals: list[dict[str, float]]
    facts: dict[str, float]

    @property
    def failed(self) -> bool:
        return self.result["status"] == "failed"


Measure = Callable[[Trained], float]


@dataclass(frozen=True)
class Side:
    """One side of a comparison: what stands in the legend, and what is typed."""

    label: str
    words: str


@dataclass(frozen=True)
class Effect:
    """Sides, what is measured of each, and how it is drawn."""

    sides: Sequence[Side]
    columns: dict[str, Measure]
    draw: Callable[[dict[str, list[Trained]]], Any]
    facts: Callable[[Any, Any], dict[str, float]] = field(default=lambda model, splits: {})
    seeds: int = 5


# What is measured


def tested(run: Trained) -> float:
    """Accuracy on the test split, of the weights that the run kept, in percent."""
    return 100 * run.result["test"]["accuracy"]


def last(name: str) -> Measure:
    """A score of the last epoch."""
    return lambda run: run.epochs[-1][name]


def kept(name: str) -> Measure:
    """A score on the validation split, of the weights that the run kept."""
    return lambda run: run.result["val"][name]


def fact(name: str) -> Measure:
    """A fact about the weights that the run kept."""
    return lambda run: run.facts[name]


def layers(scores: dict[str, float], kind: str) -> list[float]:
    """Scores by layer, from the first to the last; shortcuts left out."""
    return [v for n, v in scores.items() if n.startswith(f"{kind}/") and "shortcut" not in n and "total" not in n]


def dead(run: Trained) -> float:
    """Share of all hidden units that are dead at the end, in percent; the layers are of one width."""
    return 100 * statistics.mean(layers(run.intervals[-1], "dead_units"))


def first_to_last(run: Trained) -> float:
    """Norm of the first layer's gradient as a share of the last layer's, at the first look."""
    norms = layers(run.intervals[0], "gradient_norm")
    return norms[0] / norms[-1]


def first_norm(run: Trained) -> float:
    """Norm of all gradients in the first update, before clipping."""
    return run.intervals[0]["gradient_norm"]


def power(run: Trained) -> float:
    """Decimal logarithm of `first_norm`."""
    return math.log10(first_norm(run))


def different_units(model: Any, splits: Any) -> dict[str, float]:
    return {"different": len(model.linear1.weight.unique(dim=0))}


def black_pixels(model: Any, splits: Any) -> dict[str, float]:
    """Weights from pixels that no training example lights, and from all others, relative to the drawn ones."""
    weight, pixels = model.linear1.weight.detach(), splits.train.inputs.flatten(1)
    black = pixels.amax(0) == 0
    drawn = 1 / math.sqrt(3 * pixels.shape[1])  # uniform in ±1/√fan_in
    share = lambda part: float(part.square().mean().sqrt()) / drawn  # noqa: E731
    return {"black": share(weight[:, black]), "lit": share(weight[:, ~black])}


def by_company(model: Any, splits: Any) -> dict[str, float]:
    """Test examples, in percent, of which another class is told among all others than when each is alone."""
    import torch

    with torch.inference_mode():
        batch = splits.test.read(torch.arange(len(splits.test)))
        together = model(batch.inputs, **batch.more).argmax(1)
        each = [splits.test.read(torch.tensor([row])) for row in range(len(splits.test))]
        alone = torch.cat([model(one.inputs, **one.more).argmax(1) for one in each])
    return {"changed": 100 * float((together != alone).double().mean())}


def bits(run: Trained) -> float:
    """Bits for each token of the test split."""
    return run.result["test"]["bits_per_token"]


# How it is drawn


def panels(columns: int) -> tuple[Any, list[Any]]:
    from runner.canvas import canvas

    return canvas("", columns=columns, width=7.0 / columns + 0.5, height=3.2)


def curves(axis: Any, runs: dict[str, list[Trained]], points: Callable[[Trained], list[tuple[float, float]]]) -> None:
    """A colour for each side, a thin line for each seed; a cross where a run overflowed; x is a count."""
    for (label, trained), colour in zip(runs.items(), COLOURS):
        for number, run in enumerate(trained):
            xy = [point for point in points(run) if math.isfinite(point[1])]
            axis.plot(*zip(*xy), color=colour, linewidth=1.1, alpha=0.7, label=None if number else label)
            if run.failed:
                axis.plot(*xy[-1], "x", color=colour, markersize=7)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.legend(fontsize=8)


def by_epoch(name: str, scale: float = 1.0) -> Callable[[Trained], list[tuple[float, float]]]:
    return lambda run: [(row["epoch"], scale * row[name]) for row in run.epochs if row.get(name) is not None]


def course(*names: str) -> Callable[[dict[str, list[Trained]]], Any]:
    """A panel for each score, over the epochs."""

    def draw(runs: dict[str, list[Trained]]) -> Any:
        figure, axes = panels(len(names))
        for axis, name in zip(axes, names):
            percent = name.endswith("accuracy")
            curves(axis, runs, by_epoch(name, 100 if percent else 1))
            axis.set_xlabel("epoch")
            axis.set_ylabel(f"{name} (%)" if percent else name)
        return figure

    return draw


def gradients_by_layer(runs: dict[str, list[Trained]]) -> Any:
    figure, (axis,) = panels(1)
    curves(axis, runs, lambda run: list(enumerate(layers(run.intervals[0], "gradient_norm"), start=1)))
    axis.set_yscale("log")
    axis.set_xlabel("layer, from the input to the output")
    axis.set_ylabel("norm of the gradient, first epoch")
    return figure


def first_updates(runs: dict[str, list[Trained]]) -> Any:
    figure, axes = panels(2)
    for axis, name, label in zip(axes, ("train/loss", "gradient_norm"), ("training loss", "norm before clipping")):
        curves(axis, runs, lambda run, name=name: [(s["step"], s[name]) for s in run.intervals[:30]])
        axis.set_yscale("log")
        axis.set_xlabel("update")
        axis.set_ylabel(label)
    return figure


def dying(runs: dict[str, list[Trained]]) -> Any:
    figure, axes = panels(2)
    share = lambda s: 100 * statistics.mean(layers(s, "dead_units"))  # noqa: E731
    curves(axes[0], runs, lambda run: [(s["epoch"], share(s)) for s in run.intervals])
    curves(axes[1], runs, by_epoch("val/accuracy", 100))
    axes[0].set_ylabel("dead units (%)")
    axes[1].set_ylabel("val/accuracy (%)")
    for axis in axes:
        axis.set_xlabel("epoch")
    return figure


def rates(runs: dict[str, list[Trained]]) -> Any:
    """Test accuracy over the learning rate, which is the last word of each label; 0 where all overflowed."""
    figure, (axis,) = panels(1)
    for norm, colour in zip(("none", "batch"), COLOURS):
        sides = {label: trained for label, trained in runs.items() if label.startswith(norm)}
        found = [(float(label.split()[-1]), [0.0 if r.failed else tested(r) for r in t]) for label, t in sides.items()]
        for rate, values in found:
            axis.plot([rate] * len(values), values, "o", color=colour, markersize=4, alpha=0.7)
        mean = [(rate, statistics.mean(values)) for rate, values in found]
        axis.plot(*zip(*mean), color=colour, label=f"model.norm={norm}")
    axis.set_xscale("log")
    axis.set_xlabel("optimizer.lr")
    axis.set_ylabel("test accuracy (%), 0: overflowed")
    axis.legend(fontsize=8)
    return figure


def rows(axis: Any, runs: dict[str, list[Trained]], name: str, measure: Measure) -> None:
    """A row for each side, a dot for each seed, a bar at the mean."""
    for row, (trained, colour) in enumerate(zip(runs.values(), cycle(COLOURS))):
        values = measured(trained, measure)
        axis.plot(values, [row] * len(values), "o", color=colour, markersize=5, alpha=0.6)
        axis.plot(statistics.mean(values), row, "|", color=colour, markersize=16, markeredgewidth=2)
    axis.set_yticks(range(len(runs)), list(runs), fontsize=8)
    axis.set_ylim(len(runs) - 0.5, -0.5)
    axis.set_xlabel(name)


def dots(*measures: tuple[str, Measure]) -> Callable[[dict[str, list[Trained]]], Any]:
    """A panel of rows for each measure."""

    def draw(runs: dict[str, list[Trained]]) -> Any:
        figure, axes = panels(len(measures))
        for axis, (name, measure) in zip(axes, measures):
            rows(axis, runs, name, measure)
        for axis in axes[1:]:
            axis.set_yticklabels([])
        return figure

    return draw


def by_heart(runs: dict[str, list[Trained]]) -> Any:
    """Both losses of the first side, and what the validation loss of all came to."""
    figure, axes = panels(2)
    trouble = next(iter(runs.values()))
    for name, colour in (("train/loss", "tab:grey"), ("val/loss", "tab:red")):
        for number, run in enumerate(trouble):
            xy = by_epoch(name)(run)
            axes[0].plot(*zip(*xy), color=colour, linewidth=1.1, alpha=0.7, label=None if number else name)
    axes[0].set_yscale("log")
    axes[0].set_xlabel("epoch")
    axes[0].set_ylabel("loss without a cure")
    axes[0].legend(fontsize=8)
    rows(axes[1], runs, "validation loss of the weights kept", kept("loss"))
    return figure


def strengths(runs: dict[str, list[Trained]]) -> Any:
    """Over the weight decay, which is the last word of each label."""
    figure, axes = panels(2)
    shown = (("weights of black pixels (drawn: 1)", fact("black")), ("validation loss", kept("loss")))
    for axis, (name, measure) in zip(axes, shown):
        for optimizer, colour in zip(("adam", "adamw"), COLOURS):
            sides = {label: t for label, t in runs.items() if label.split()[0] == optimizer}
            xy = [(float(label.split()[-1]), statistics.mean(map(measure, t))) for label, t in sides.items()]
            axis.plot(*zip(*xy), "o-", color=colour, label=f"optimizer={optimizer}")
        axis.set_xscale("log")
        axis.set_xlabel("optimizer.weight_decay")
        axis.set_ylabel(name)
        axis.legend(fontsize=8)
    axes[1].set_yscale("log")
    return figure


# The effects

RELU = "experiment=vanishing_gradients model.activation=relu init=he"
TRUNCATED = "experiment=truncated_backpropagation"
OVERFITTING = "experiment=overfitting"
CLOTHES = "experiment=overfitting data=fashion_mnist"
FASHION = f"{CLOTHES} data.fraction=0.02"
ADAMW = "experiment=l2_under_adam optimizer=adamw optimizer.lr=0.001"
DECAYS = ("1e-6", "1e-5", "1e-4", "1e-3", "1e-2", "1e-1")
CURES = {
    "early stopping": "regularization=early_stopping trainer.test_weights=best",
    "dropout": "regularization=dropout",
    "l2": "regularization=l2 regularization.l2.strength=1e-3",
    "label smoothing": "regularization=label_smoothing",
    "mixup": "regularization=mixup",
    "16 units": "model.hidden=[16]",
}

EFFECTS: dict[str, Effect] = {
    "vanishing_gradients": Effect(
        [
            Side("sigmoid", "experiment=vanishing_gradients"),
            Side("relu, he", RELU),
            Side("+ batch norm", f"{RELU} model.norm=batch"),
            Side("+ skip", f"{RELU} model.norm=batch model.skip=true"),
        ],
        {"first layer's gradient / last layer's": first_to_last, "test accuracy, %": tested},
        gradients_by_layer,
        seeds=3,
    ),
    "exploding_gradients": Effect(
        [
            Side("not clipped", "experiment=exploding_gradients"),
            Side("clipped", "experiment=exploding_gradients trainer.clip_norm=1"),
            Side("a tenth of the rate", "experiment=exploding_gradients optimizer.lr=0.01"),
        ],
        {"norm of the gradients, first update": first_norm, "test accuracy, %": tested},
        first_updates,
    ),
    "long_sequences": Effect(
        [
            Side("128 steps", "experiment=long_sequences"),
            Side("128 steps, clipped", "experiment=long_sequences trainer.clip_norm=1"),
            Side("64 steps", "experiment=long_sequences data.length=64"),
            Side("64 steps, clipped", "experiment=long_sequences data.length=64 trainer.clip_norm=1"),
            Side("16 steps", "experiment=long_sequences data.length=16"),
            Side("16 steps, clipped", "experiment=long_sequences data.length=16 trainer.clip_norm=1"),
        ],
        {"norm of the gradients, first update: 10 to the power of": power, "bits per token, test": bits},
        first_updates,
        seeds=3,
    ),
    "padding_leak": Effect(
        [
            Side("read", "experiment=padding_leak"),
            Side("masked", "experiment=padding_leak model.mask_padding=true"),
        ],
        {"answers that others in the batch change, %": fact("changed"), "test accuracy, %": tested},
        dots(("answers that others in the batch change (%)", fact("changed")), ("test accuracy (%)", tested)),
        by_company,
        seeds=3,
    ),
    "batch_norm_rnn": Effect(
        [
            Side("batch norm, batches of 2", "experiment=batch_norm_rnn"),
            Side("batch norm, batches of 32", "experiment=batch_norm_rnn data.batch_size=32 trainer.max_epochs=8"),
            Side("layer norm, batches of 2", "experiment=batch_norm_rnn model.norm=layer"),
            Side("none, batches of 2", "experiment=batch_norm_rnn model.norm=none"),
        ],
        {"training loss": last("train/loss"), "validation loss": kept("loss"), "test accuracy, %": tested},
        course("train/loss", "val/loss"),
        seeds=3,
    ),
    "truncated_backpropagation": Effect(
        [
            Side("8, from zeros", TRUNCATED),
            Side("8, carried", f"{TRUNCATED} data.stateful=true"),
            Side("64, from zeros", f"{TRUNCATED} data.length=64 trainer.max_steps=375"),
            Side("64, carried", f"{TRUNCATED} data.length=64 trainer.max_steps=375 data.stateful=true"),
        ],
        {
            "bits per token, test": bits,
            "seconds": lambda run: run.result["seconds"],
        },
        course("train/loss", "val/bits_per_token"),
        seeds=3,
    ),
    "dead_relu": Effect(
        [
            Side("relu", "experiment=dead_relu"),
            Side("leaky relu", "experiment=dead_relu model.activation=leaky_relu"),
            Side("batch norm", "experiment=dead_relu model.norm=batch"),
            Side("rate 0.001", "experiment=dead_relu optimizer.lr=0.001"),
        ],
        {"dead units at the end, %": dead, "test accuracy, %": tested},
        dying,
    ),
    "zero_initialization": Effect(
        [
            Side("64 units, zeros", "experiment=zero_initialization"),
            Side("64 units, xavier", "experiment=zero_initialization init=xavier"),
            Side("1 unit, xavier", "experiment=zero_initialization init=xavier model.hidden=[1]"),
        ],
        {"different hidden units": fact("different"), "test accuracy, %": tested},
        course("val/accuracy"),
        different_units,
    ),
    "batch_norm_high_rate": Effect(
        [
            Side(f"{norm}, rate {rate}", f"experiment=batch_norm_high_rate model.norm={norm} optimizer.lr={rate}")
            for norm in ("none", "batch")
            for rate in ("0.01", "0.03", "0.1", "0.3", "1.0", "3.0")
        ],
        {"test accuracy, %": tested},
        rates,
    ),
    "large_batch": Effect(
        [
            Side("512", "experiment=large_batch"),
            Side("512, warm-up", "experiment=large_batch warmup=linear warmup.epochs=10"),
            Side("512, unscaled rate", "experiment=large_batch optimizer.lr=0.05"),
            Side("32", "experiment=large_batch data.batch_size=32 optimizer.lr=0.05"),
            Side("512, he's gain", "experiment=large_batch init.gain=null"),
            Side("512, he's gain, warm-up", "experiment=large_batch init.gain=null warmup=linear warmup.epochs=10"),
        ],
        {"training loss at the end": last("train/loss"), "test accuracy, %": tested},
        dots(("training loss at the end", last("train/loss")), ("test accuracy (%)", tested)),
        seeds=10,
    ),
    "sharp_minimum": Effect(
        [
            Side("full batch", "experiment=sharp_minimum"),
            Side("batch 32", "experiment=sharp_minimum data.batch_size=32"),
            Side("batch 8", "experiment=sharp_minimum data.batch_size=8"),
            Side("full batch, sam", "experiment=sharp_minimum optimizer/wrapper=sam"),
        ],
        {
            "sharpness": last("sharpness"),
            "training loss": last("train/loss"),
            "validation loss": last("val/loss"),
            "test accuracy, %": tested,
        },
        dots(("largest eigenvalue of the Hessian", last("sharpness")), ("test accuracy (%)", tested)),
        seeds=4,
    ),
    "plateau": Effect(
        [
            Side("sgd", "experiment=plateau"),
            Side("momentum", "experiment=plateau optimizer=momentum"),
            Side("adam", "experiment=plateau optimizer=adam optimizer.lr=0.003"),
            Side("sgd, rate 1", "experiment=plateau optimizer.lr=1"),
        ],
        {"training loss at the end": last("train/loss"), "test accuracy, %": tested},
        course("train/loss"),
    ),
    "l2_under_adam": Effect(
        [
            *(Side(f"adam {d}", f"experiment=l2_under_adam optimizer.weight_decay={d}") for d in DECAYS),
            *(Side(f"adamw {d}", f"{ADAMW} optimizer.weight_decay={d}") for d in (*DECAYS, "1")),
        ],
        {
            "weights of black pixels (drawn: 1)": fact("black"),
            "other weights (drawn: 1)": fact("lit"),
            "validation loss": kept("loss"),
            "test accuracy, %": tested,
        },
        strengths,
        black_pixels,
        seeds=3,
    ),
    "overfitting": Effect(
        [
            Side("nothing", OVERFITTING),
            *(Side(name, f"{OVERFITTING} {words}") for name, words in CURES.items()),
            Side("all data", f"{OVERFITTING} data.fraction=1"),
        ],
        {"training loss": last("train/loss"), "validation loss": kept("loss"), "test accuracy, %": tested},
        by_heart,
    ),
    "overfitting_fashion": Effect(
        [
            Side("nothing", FASHION),
            *(Side(name, f"{FASHION} {words}") for name, words in CURES.items()),
            Side("5 times the data", f"{CLOTHES} data.fraction=0.1"),
        ],
        {"training loss": last("train/loss"), "validation loss": kept("loss"), "test accuracy, %": tested},
        course("val/loss"),
        seeds=3,
    ),
    "all_tricks": Effect(
        [
            Side(f"{model}, {label}", f"experiment={model}_{words}")
            for model in ("mlp", "cnn", "rnn")
            for label, words in (
                ("baseline", "baseline"),
                ("all tricks", "all_tricks"),
                ("without early stopping", "all_tricks regularization=dropout"),
            )
        ],
        {"epochs": lambda run: len(run.epochs), "validation loss": kept("loss"), "test accuracy, %": tested},
        dots(("validation loss", kept("loss")), ("test accuracy (%)", tested)),
    ),
}


# Running and telling


def train(effect: str, words: str, seed: int) -> Trained:
    """One run, in this process; nothing of it stays."""
    from runner.engine.progress import Progress
    from runner.errors import RunFailed
    from runner.run import compose, load, run
    from runner.run.assembly import load_data

    class Listener(Progress):
        def __init__(self) -> None:
            self.seen: list[dict[str, float]] = []

        def interval(self, fit: Any, scores: dict[str, float]) -> None:
            step = fit.state.step
            self.seen.append({**scores, "step": step, "epoch": step / fit.plan.updates_per_epoch})

    listener = Listener()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "run")
        try:
            run(compose([*words.split(), f"seed={seed}", "trainer.threads=1", "trainer.images=0"]), folder, listener)
        except RunFailed:
            facts = {}
        else:
            network = load(folder)
            facts = EFFECTS[effect].facts(network.model, load_data(network.recipe))
        metrics = folder / "metrics.jsonl"
        lines = metrics.read_text().splitlines() if metrics.exists() else []
        result = json.loads((folder / "result.json").read_text())
        return Trained(result, [json.loads(line) for line in lines], listener.seen, facts)


def measured(trained: list[Trained], measure: Measure) -> list[float]:
    """The values of all runs, without those of runs that overflowed before there was any."""
    values = []
    for run in trained:
        try:
            values.append(measure(run))
        except LookupError:
            if not run.failed:
                raise
    return values


def number(value: float, digits: int) -> str:
    """So many digits, and no exponent where it is large."""
    return f"{value:.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def cell(trained: list[Trained], measure: Measure) -> str:
    """Mean ± standard deviation over the seeds; values that are not there are counted, not averaged."""
    values = measured(trained, measure)
    if not values:
        return "overflowed"
    text = number(statistics.mean(values), 3)
    if len(set(values)) > 1:
        text += f" ± {number(statistics.stdev(values), 2)}"
    missing = len(trained) - len(values)
    return f"{text} ({missing} of {len(trained)} overflowed)" if missing else text


def table(effect: Effect, runs: dict[str, list[Trained]]) -> str:
    """Markdown; the words of a side follow ``python -m runner``."""
    lines = [["", "`python -m runner` ...", *effect.columns], ["---"] * (2 + len(effect.columns))]
    for side in effect.sides:
        cells = [cell(runs[side.label], measure) for measure in effect.columns.values()]
        lines.append([side.label, f"`{side.words}`", *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(page: Path, name: str, text: str) -> None:
    """Put `text` between the page's markers for `name`."""
    begin, end = f"<!-- figures: {name} -->", "<!-- end -->"
    old = page.read_text()
    new, found = re.subn(f"{begin}.*?{end}", lambda match: f"{begin}\n{text}\n{end}", old, count=1, flags=re.DOTALL)
    if not found:
        raise SystemExit(f"{page} has no {begin}")
    page.write_text(new)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(EFFECTS), metavar="NAME", help=", ".join(EFFECTS))
    names = parser.parse_args().only or list(EFFECTS)
    os.environ["OMP_NUM_THREADS"] = "1"  # one run per core
    import torch

    page, pictures = DOCS / "effects.md", DOCS / "pictures" / "effects"
    pictures.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for name in names:
            effect, begin = EFFECTS[name], time.perf_counter()
            futures = {
                side.label: [pool.submit(train, name, side.words, seed) for seed in range(effect.seeds)]
                for side in effect.sides
            }
            runs = {label: [future.result() for future in waiting] for label, waiting in futures.items()}
            note = (
                f"Mean ± standard deviation over {effect.seeds} seeds. `python benchmarks/effects.py --only {name}`: "
                f"torch {torch.__version__.partition('+')[0]}, CPU, one thread per run."
            )
            figures = table(effect, runs)
            print(f"\n{name} ({time.perf_counter() - begin:.0f} s)\n\n{figures}\n\n{note}", flush=True)
            write(page, name, f"{figures}\n\n{note}")
            effect.draw(runs).savefig(pictures / f"{name}.png", dpi=100)


if __name__ == "__main__":
    main()
