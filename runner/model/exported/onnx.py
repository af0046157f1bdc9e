"""ONNX files, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from runner.errors import ConfigError, RunFailed
from runner.model.exported.network import Exported, ExportedNetwork, Provider, shortened

# What ONNX Runtime calls them; what a provider does not have is done by the next.
PROVIDERS: dict[Provider, tuple[str, ...]] = {
    "cpu": ("CPUExecutionProvider",),
    "cuda": ("CUDAExecutionProvider", "CPUExecutionProvider"),
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"),
}


class Network(ExportedNetwork):
    """A session of ONNX Runtime.

    Raises:
        ConfigError: ONNX Runtime is not installed, or not with what it should compute with.
        RunFailed: the file is no network that it can run.
    """

    def __init__(self, path: Path, exported: Exported, content: bytes) -> None:
        super().__init__(path, exported)
        try:
            import onnxruntime
        except ImportError:
            raise ConfigError(
                f"{path}: ONNX Runtime runs it, which is not installed: pip install 'runner[deploy]'."
            ) from None
        check_provider(exported.provider)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors: warnings are about what it could not make faster
        try:
            self.session = onnxruntime.InferenceSession(content, options, PROVIDERS[exported.provider])
        except Exception as error:  # of the runtime, of many kinds
            raise RunFailed(f"{path}: ONNX Runtime refuses it ({shortened(error)}).") from error
        if PROVIDERS[exported.provider][0] not in self.session.get_providers():
            raise ConfigError(
                f"{path}: ONNX Runtime can't start {exported.provider} here: its libraries are missing, or there is no "
                "GPU. Export the network again with --provider cpu."
            )
        self.names = [entry.name for entry in self.session.get_inputs()]

    def run(self, given: Sequence[Tensor]) -> Tensor:
        """See `ExportedNetwork.run`."""
        feeds = {name: tensor.numpy() for name, tensor in zip(self.names, given, strict=True)}
        (outputs,) = self.session.run(None, feeds)
        return torch.from_numpy(outputs).float()


def check_provider(provider: Provider) -> None:
    """Refuse a provider that ONNX Runtime was not built with.

    Raises:
        ConfigError: with those that it has.
    """
    import onnxruntime

    there = onnxruntime.get_available_providers()
    if PROVIDERS[provider][0] not in there:
        known = [name for name, (first, *_) in PROVIDERS.items() if first in there]
        raise ConfigError(
            f"--provider {provider}: this ONNX Runtime has no {PROVIDERS[provider][0]}, only {', '.join(known)}. Take "
            "one of these, or on a machine with a GPU: pip install onnxruntime-gpu in the place of onnxruntime."
        )
