"""ONNX files, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from runner.errors import ConfigError, RunFailed
from runner.model.exported.network import Exported, ExportedNetwork


class Network(ExportedNetwork):
    """A session of ONNX Runtime, on the CPU.

    Raises:
        ConfigError: ONNX Runtime is not installed.
        RunFailed: the file is no network that it can run.
    """

    def __init__(self, path: Path, exported: Exported) -> None:
        super().__init__(path, exported)
        try:
            import onnxruntime
        except ImportError:
            raise ConfigError(
                f"{path}: ONNX Runtime runs it, which is not installed: pip install 'runner[deploy]'."
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # of the runtime, of many kinds
            raise RunFailed(f"{path}: ONNX Runtime refuses it ({' '.join(str(error).split())}).") from error
        self.names = [entry.name for entry in self.session.get_inputs()]

    def run(self, given: Sequence[Tensor]) -> Tensor:
        """See `ExportedNetwork.run`."""
        feeds = {name: tensor.cpu().numpy() for name, tensor in zip(self.names, given, strict=True)}
        (outputs,) = self.session.run(None, feeds)
        return torch.from_numpy(outputs).float()
