"""ONNX files of which nothing is known but what they declare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from runner.engine.batch import Batch
from runner.errors import ConfigError, RunFailed
from runner.model.exported.onnx import CRASHING

NUMBERS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
COUNTS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(uint8)": np.uint8, "tensor(bool)": np.bool_}


class Foreign:
    """A session of ONNX Runtime on the CPU, fed with drawn numbers.

    Args:
        path: of the file.
        threads: CPU threads of one operation.

    Raises:
        ConfigError: ONNX Runtime is not installed.
        RunFailed: it can't run the file.
    """

    def __init__(self, path: Path, threads: int) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise ConfigError(
                f"{path}: ONNX Runtime runs it, which is not installed: pip install 'runner[deploy]'."
            ) from None
        self.path = path
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            self.session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=CRASHING
            )
        except Exception as error:  # of the runtime, of many kinds
            raise RunFailed(f"{path}: ONNX Runtime refuses it ({' '.join(str(error).split())}).") from error

    def batches(self, size: int) -> list[Batch]:
        """One batch of drawn numbers: standard normal ones, and zeros where counts are wanted.

        Raises:
            ConfigError: an input has another free length than that of the batch, or takes another number of examples.
        """
        drawn = np.random.default_rng(0)
        feeds: dict[str, torch.Tensor] = {}
        for entry in self.session.get_inputs():
            first, *rest = entry.shape or [size]
            if not all(isinstance(length, int) for length in rest):
                raise ConfigError(
                    f"{self.path}: its input {entry.name} is of shape {entry.shape}, and nothing says how long it is "
                    "besides the batch. Name the variant's folder, whose data say it."
                )
            if isinstance(first, int) and first != size:
                raise ConfigError(
                    f"{self.path}: takes {first} examples at once, and {size} are wanted: --batch-sizes {first}."
                )
            shape = (size, *rest)
            if entry.type in NUMBERS:
                feeds[entry.name] = torch.from_numpy(drawn.standard_normal(shape).astype(NUMBERS[entry.type]))
            elif entry.type in COUNTS:
                feeds[entry.name] = torch.from_numpy(np.zeros(shape, COUNTS[entry.type]))
            else:
                raise ConfigError(f"{self.path}: its input {entry.name} is a {entry.type}, which can't be drawn.")
        name, inputs = next(iter(feeds.items()))
        return [Batch(inputs, inputs, {n: t for n, t in feeds.items() if n != name}, size)]

    def __call__(self, batch: Batch) -> Any:
        """Outputs for a batch of `batches`."""
        names = [entry.name for entry in self.session.get_inputs()]
        feeds = {names[0]: batch.inputs.numpy()} | {name: tensor.numpy() for name, tensor in batch.more.items()}
        return self.session.run(None, feeds)
