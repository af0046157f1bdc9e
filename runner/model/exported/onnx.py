"""ONNX files, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from runner.errors import ConfigError, RunFailed
from runner.model.exported.network import Exported, ExportedNetwork, Provider, refusing, shortened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from runner.engine.batch import Batch

# What ONNX Runtime should leave alone: to widen weights of 16 bits while a file is opened ends the process on some
# transformers (a segmentation fault of 1.32).
CRASHING = ["FuseFp16InitializerToFp32NodeTransformer"]

# What ONNX Runtime calls them; what a provider does not have is done by the next.
PROVIDERS: dict[Provider, tuple[str, ...]] = {
    "cpu": ("CPUExecutionProvider",),
    "cuda": ("CUDAExecutionProvider", "CPUExecutionProvider"),
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"),
}


class Network(ExportedNetwork):
    """A session of ONNX Runtime, and where a file goes on with texts, one more.

    Raises:
        ConfigError: ONNX Runtime is not installed, or not with what it should compute with.
        RunFailed: a file is no network that it can run.
    """

    def __init__(self, path: Path, exported: Exported, content: bytes, with_past: bytes | None = None) -> None:
        super().__init__(path, exported)
        self.session = _session(path, exported.provider, content)
        self.names = [entry.name for entry in self.session.get_inputs()]
        self.path_with_past = path.parent / exported.with_past
        self.with_past = None if with_past is None else _session(self.path_with_past, exported.provider, with_past)

    def run(self, given: Sequence[Tensor]) -> Tensor:
        """See `ExportedNetwork.run`."""
        feeds = {name: tensor.numpy() for name, tensor in zip(self.names, given, strict=True)}
        (outputs,) = self.session.run(None, feeds)
        return torch.from_numpy(outputs).float()

    def follow(self, x: Tensor, state: Any = None, source: Batch | None = None) -> tuple[Tensor, Any]:
        """See `runner.model.base.Network.follow`; the state is what the second file gives beside outputs, as arrays."""
        if self.with_past is None:
            return super().follow(x, state, source)
        tokens, *past = self.with_past.get_inputs()
        kept = [_nothing(entry, len(x)) for entry in past] if state is None else state
        feeds = {tokens.name: x.cpu().numpy()} | {entry.name: one for entry, one in zip(past, kept, strict=True)}
        with refusing(self.path_with_past, feeds):
            outputs, *kept = self.with_past.run(None, feeds)
        return torch.from_numpy(outputs).float().to(x.device), kept


def _nothing(entry: Any, examples: int) -> NDArray[Any]:
    """What an input of the second file is before anything was read."""
    sizes = {"batch": examples, "past": 0}
    kind = np.float16 if entry.type == "tensor(float16)" else np.float32
    return np.zeros([sizes.get(size, size) for size in entry.shape], kind)


def _session(path: Path, provider: Provider, content: bytes) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise ConfigError(
            f"{path}: ONNX Runtime runs it, which is not installed: pip install 'runner[deploy]'."
        ) from None
    check_provider(provider)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors: warnings are about what it could not make faster
    try:
        session = onnxruntime.InferenceSession(content, options, PROVIDERS[provider], disabled_optimizers=CRASHING)
    except Exception as error:  # of the runtime, of many kinds
        raise RunFailed(f"{path}: ONNX Runtime refuses it ({shortened(error)}).") from error
    if PROVIDERS[provider][0] not in session.get_providers():
        raise ConfigError(
            f"{path}: ONNX Runtime can't start {provider} here: its libraries are missing, or there is no GPU. Export "
            "the network again with --provider cpu."
        )
    return session


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
