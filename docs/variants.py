"""Writes variants.md: what every export and every way to make a network smaller gains and costs.

    python docs/variants.py [NETWORK ...]

Each network is trained by the command of its heading, each variant is made by the command line as a user makes it, and
`benchmark` measures all of them together, in one thread, beside the network. What is refused stands in the table with
the reason. Rows of networks that are not asked for stay as they are. What was trained and made lies in ``FOLDER``
(``$RUNNER_VARIANTS``, or ``outputs/docs``), so that an interrupted call goes on where it was; what is there already is
measured again, but neither trained nor made again.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "variants.md"
FOLDER = Path(os.environ.get("RUNNER_VARIANTS", "outputs/docs")).absolute()
RESULTS = ROOT / "benchmarks" / "variants.json"

HEAD = """\
# What variants gain and cost

Written by `python docs/variants.py`; not to be edited by hand. Every network is trained by the command above its table,
every variant made by the command of its row (behind `python -m runner`, with the folder of the run in it), and all are
measured beside each other by `python -m runner benchmark`, in one thread of this processor: {processor};
{versions}.

*ms* is the median for a batch, *x* how many times as fast as the network itself, with its 95 % interval over the rounds
(below 1 it is slower here); scores and loss are of the test part. A file that was made without `--dynamic-batch` takes
one example at a time, and a batch of 32 is 32 calls of it. How it is measured: [benchmark.md](benchmark.md).
"""

NETWORKS = {
    "mlp": "data=magic model=mlp 'model.hidden=[512,512]' trainer.max_epochs=5",
    "cnn": "data=fashion_mnist model=cnn trainer.max_epochs=3",
    "resnet": "data=fashion_mnist model=resnet data.fraction=0.25 trainer.max_epochs=1",
    "vit": "data=digits model=vit trainer.max_epochs=6",
    "lstm": "data=japanese_vowels model=lstm trainer.max_epochs=20",
    "encoder": "data=python_functions model=encoder trainer.max_epochs=3",
    "decoder": "data=python_source 'data.packages=[json,http]' model=decoder trainer.max_epochs=2",
    "detector": "data=digit_composites data.task=detection data.batch_size=16 model=detector optimizer.lr=0.003 "
    "trainer.max_epochs=8",
}

VARIANTS = (
    "export RUN --format onnx --dynamic-batch",
    "export RUN --format onnx --precision fp16 --dynamic-batch",
    "export RUN --format program --dynamic-batch",
    "export RUN --format aot --dynamic-batch",
    "export RUN --format torchscript --dynamic-batch",
    "quantize RUN --method dynamic --dynamic-batch",
    "quantize RUN --method static --dynamic-batch",
    "quantize RUN --method weight_only",
    "quantize RUN --method qat --epochs 1",
    "quantize RUN --method fp16",
    "quantize RUN --method bf16",
    "prune RUN --method magnitude --amount 0.8 --epochs 1",
    "prune RUN --method global --amount 0.8 --epochs 1",
    "prune RUN --method structured --amount 0.5 --epochs 1",
    "prune RUN --method low_rank --amount 0.5 --epochs 1",
)


def command(words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Give a command in a folder, in one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", "runner", *shlex.split(words)]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, env=environment)


def made(network: str) -> dict[str, dict[str, Any]]:
    """What came of every variant, by its command: where it lies, or why there is none."""
    folder = FOLDER / network
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "run" / "result.json").is_file():
        trained = command(f"{NETWORKS[network]} trainer.threads=1 trainer.evaluation=off hydra.run.dir=run", folder)
        if trained.returncode:
            sys.exit(f"{network}: {trained.stderr.strip()}")
    kept = folder / "made.json"
    known: dict[str, dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else {}
    for words in VARIANTS:
        if "folder" in known.get(words, {}):  # what was refused may be there by now
            continue
        sys.stderr.write(f"{network}: {words}\n")
        done = command(words.replace("RUN", "run"), folder)
        said = re.findall(r"^(?:variant|run): (\S+)$", done.stdout, re.MULTILINE)  # the last one was trained further
        if done.returncode == 0 and said:
            known[words] = {"folder": said[-1]}
        else:
            known[words] = {"refused": reason(done.stderr)}
        kept.write_text(json.dumps(known, indent=1))
    return {words: known[words] for words in VARIANTS}


def reason(said: str) -> str:
    """Why a command failed, in its own words."""
    lines = [line for line in said.strip().splitlines() if line.startswith("error: ")] or said.strip().splitlines()
    said = lines[-1].removeprefix("error: ") if lines else "nothing was said"
    return re.sub(r"\. It is kept aside in .*", "", said)


def measured(network: str, variants: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The network and its variants, measured together."""
    folders = [entry["folder"] for entry in variants.values() if "folder" in entry]
    sys.stderr.write(f"{network}: benchmark of {len(folders) + 1}\n")
    words = ["benchmark", "run", *folders, "--repetitions", "10", "--json", "trusted_targets=[model.pt,model.pt2]"]
    done = command(shlex.join(words), FOLDER / network)
    if not done.stdout:
        sys.exit(f"{network}: {reason(done.stderr)}")
    result: dict[str, Any] = json.loads(done.stdout)
    by_path = {str(Path(entry["path"]).parent.parent): entry for entry in result["networks"]}
    rows = {"": by_path["run"]} | {
        words: by_path[str(Path(entry["folder"]))] if "folder" in entry else entry for words, entry in variants.items()
    }
    return {"repetitions": result["repetitions"], "monitor": result["monitor"], "rows": rows}


def table(network: str, found: dict[str, Any]) -> Iterator[str]:
    """The lines of a network."""
    yield from ("", f"## {network}", "", f"`python -m runner {NETWORKS[network]}`", "")
    scores = found["rows"][""]["scores"]
    score = next((name for name in (found["monitor"], *scores) if name in scores and name != "loss"), "loss")
    yield f"| variant | size | ms at 1 | x | ms at 32 | x | memory | zero | {score} | loss |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    first = found["rows"][""]
    for words, entry in found["rows"].items():
        name = f"`{words}`" if words else "as it was trained"
        why = entry.get("refused") or entry.get("cause")
        if why:
            yield f"| {name} | refused: {why.replace('|', chr(92) + '|')} |" + " |" * 8
            continue
        cells = [name, f"{entry['bytes'] / 1000:,.0f} kB"]
        for latency in entry["latency"]:
            cells += [f"{latency['median']:.3f}", times_as_fast(latency["ratio"])]
        memory = "-" if entry["memory"] is None else f"{entry['memory'] / 1e6:.0f} MB"
        zeros = "-" if not entry["parameters"] else f"{100 * (entry['zeros'] or 0) / entry['parameters']:.0f} %"
        cells += [memory, zeros, f"{entry['scores'].get(score, float('nan')):.4f}", f"{entry['scores']['loss']:.4f}"]
        cells[1] += "" if not words else f" ({first['bytes'] / entry['bytes']:.2f} times smaller)"
        yield f"| {' | '.join(cells)} |"


def times_as_fast(ratio: dict[str, float | None] | None) -> str:
    """The ratio with its interval; whether it is slower here, or not shown to differ."""
    if ratio is None:
        return "1"
    text = f"{ratio['median']:.2f}"
    low, high = ratio["low"], ratio["high"]
    if low is None or high is None:
        return text
    told = "no difference shown" if low <= 1 <= high else "slower" if high < 1 else ""
    return f"{text} [{low:.2f}, {high:.2f}]{f' {told}' if told else ''}"


def processor() -> str:
    """Name of the processor."""
    words = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    found = re.search(r"model name\s*: (.+)", words)
    return found[1] if found else "an unknown one"


def versions() -> str:
    """Of what runs the networks."""
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name).partition('+')[0]}" for name in ("torch", "onnxruntime", "torchao"))


def main() -> None:
    """Write the page."""
    known: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if unknown := [name for name in sys.argv[1:] if name not in NETWORKS]:
        sys.exit(f"{unknown[0]}: no such network. There are {', '.join(NETWORKS)}.")
    for network in sys.argv[1:] or NETWORKS:
        known[network] = measured(network, made(network))
        RESULTS.write_text(json.dumps(known, indent=1) + "\n")
        lines = [line for name in NETWORKS if name in known for line in table(name, known[name])]
        PAGE.write_text(HEAD.format(processor=processor(), versions=versions()) + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
