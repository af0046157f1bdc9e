"""From the words of the command to a row for each example."""

import argparse
import csv
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

AT_ONCE = 256  # examples, where the network takes any number
TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(uint8)": np.uint8,
}
# Where it was found, what stands beside its prediction, and its raw numbers.
Example = tuple[str, dict[str, Any], np.ndarray]


class Refused(Exception):
    """Something that can't be predicted, in a sentence."""


class Network:
    """The graphs beside this file, one behind the other: from raw numbers to inputs, from inputs to outputs."""

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors: warnings are about what it could not make faster

        def opened(name: str) -> onnxruntime.InferenceSession:
            content = (folder / name).read_bytes()
            if hashlib.sha256(content).hexdigest() != about["sha256"][name]:
                raise Refused(f"{folder / name}: its checksum does not match: it is damaged or another network's.")
            return onnxruntime.InferenceSession(
                content,
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=["FuseFp16InitializerToFp32NodeTransformer"],  # it crashed on some transformers
            )

        self.names, self.batch, self.padded = about["inputs"], about["batch"], about["padded"]
        self.prepare = opened(about["prepare"]) if about["prepare"] else None
        self.network = opened(about["network"])

    def __call__(self, raw: list[np.ndarray]) -> np.ndarray:
        """Outputs for raw examples."""
        size = self.batch or len(raw)
        parts = []
        for start in range(0, len(raw), size):
            part = raw[start : start + size]
            full = part + part[-1:] * (size - len(part))  # the last one again, where it takes as many
            parts.append(run(self.network, self.inputs(full))[0][: len(part)])
        return np.concatenate(parts).astype(np.float32)

    def inputs(self, raw: list[np.ndarray]) -> list[np.ndarray]:
        """What the network takes, in its order."""
        if not self.padded:
            made = run(self.prepare, [np.stack(raw)]) if self.prepare else [np.stack(raw)]
            given = dict(zip(("inputs", "categories"), made, strict=False))
        else:
            one_by_one = [run(self.prepare, [one[None]])[0][0] if self.prepare else one for one in raw]
            given = padded(one_by_one, self.network.get_inputs()[0].shape[1])
        return [given[name] for name in self.names]


def padded(examples: list[np.ndarray], steps: int | str) -> dict[str, np.ndarray]:
    """Examples of unequal length with zeros behind them, up to the longest or to the steps that the network takes."""
    lengths = np.array([len(one) for one in examples])
    longest = int(lengths.max())
    if isinstance(steps, int) and longest > steps:
        raise Refused(f"an example has {longest} steps; the network takes {steps} at most.")
    width = steps if isinstance(steps, int) else longest
    inputs = np.zeros((len(examples), width, *examples[0].shape[1:]), examples[0].dtype)
    for row, one in zip(inputs, examples, strict=True):
        row[: len(one)] = one
    return {"inputs": inputs, "lengths": lengths}


def run(session: onnxruntime.InferenceSession, given: list[np.ndarray]) -> list[np.ndarray]:
    """What a graph makes of arrays."""
    places = session.get_inputs()
    return list(
        session.run(None, {p.name: value.astype(TYPES[p.type]) for p, value in zip(places, given, strict=True)})
    )


def main(
    read: Callable[[str, dict[str, Any]], Iterator[Example]],
    answer: Callable[[np.ndarray, list[Example], dict[str, Any]], list[dict[str, Any]]],
) -> int:
    """Predict files; the exit status."""
    parser = argparse.ArgumentParser(description="Predict files with the network beside this script.")
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument(
        "--output", metavar="FILE.csv", help="where the predictions go, in place of the standard output"
    )
    words = parser.parse_args()
    folder = Path(__file__).resolve().parent
    temporary = f"{words.output}.{os.getpid()}.tmp"
    try:
        for name in words.files:
            if not os.path.exists(name):
                raise Refused(f"{name}: there is no such file.")
        about = described(folder / "preprocessing.json")
        examples = (example for name in words.files for example in read(name, about))
        network = Network(folder, about)
        with open(temporary, "w", encoding="utf-8", newline="") if words.output else nullcontext(sys.stdout) as file:
            write(file, network, examples, answer, about)
        if words.output:
            os.replace(temporary, words.output)
    except (Refused, OSError) as error:
        told = f"{error.filename}: {error.strerror}." if isinstance(error, OSError) and error.filename else error
        print(f"error: {told}", file=sys.stderr)
        return 2
    finally:  # also of Ctrl-C
        if words.output and os.path.exists(temporary):
            os.remove(temporary)
    return 0


class Description(dict[str, Any]):
    """What stands in ``preprocessing.json``, or in a part of it."""

    def __missing__(self, key: str) -> Any:
        raise Refused(f"preprocessing.json: says nothing of {key!r}. Export the network again.")


def described(path: Path) -> dict[str, Any]:
    """What stands in the file beside the network."""
    try:
        about = json.loads(path.read_text(encoding="utf-8"), object_hook=Description)
    except ValueError as error:
        raise Refused(f"{path}: is damaged ({error}).") from error
    if not isinstance(about, Description):
        raise Refused(f"{path}: is damaged (a description was expected).")
    return about


def write(
    file: Any,
    network: Network,
    examples: Iterator[Example],
    answer: Callable[[np.ndarray, list[Example], dict[str, Any]], list[dict[str, Any]]],
    about: dict[str, Any],
) -> None:
    """Write a row for each example as CSV."""
    table = None
    while some := list(islice(examples, AT_ONCE)):
        rows = answer(network([raw for _, _, raw in some]), some, about)
        for (place, beside, _), row in zip(some, rows, strict=True):
            if any(isinstance(value, float) and not np.isfinite(value) for value in row.values()):
                raise Refused(f"{place}: what the network gives for it is no finite number.")
            row = {"input": place, **beside, **row}
            if table is None:
                table = csv.DictWriter(file, list(row), lineterminator="\n")
                table.writeheader()
            table.writerow({k: json.dumps(v) if isinstance(v, (list, dict)) else v for k, v in row.items()})
