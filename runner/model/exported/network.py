"""An exported file in the place of a network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Self, get_args

import torch
from torch import Tensor

from runner.engine import checkpoint
from runner.errors import ConfigError, RunFailed, RunnerError
from runner.model.base import Network

Format = Literal["onnx", "program", "aot", "torchscript"]
Provider = Literal["cpu", "cuda", "tensorrt"]


@dataclass(frozen=True)
class Exported:
    """What a checkpoint says of the file that stands in the place of its weights.

    Attributes:
        format: what wrote it, and runs it: the name of a file here.
        file: its name in the run folder.
        sha256: its checksum.
        inputs: what it is given, in this order: ``inputs``, and what is beside them by name.
        precision: ``fp32``, ``fp16`` or ``int8``.
        batch: examples that it takes at once; None: any number.
        provider: what ONNX Runtime computes with.
        context: tokens that it may look back at when a text is generated; None: all.
        with_past: the name of a second file, which goes on with texts from what was kept of the tokens in front; empty:
            there is none.
        with_past_sha256: the checksum of that one.
    """

    format: Format
    file: str
    sha256: str
    inputs: tuple[str, ...]
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    batch: int | None = None
    provider: Provider = "cpu"
    context: int | None = None
    with_past: str = ""
    with_past_sha256: str = ""

    def plain(self) -> dict[str, Any]:
        """In plain containers, for checkpoints."""
        return {**asdict(self), "inputs": list(self.inputs)}


class ExportedNetwork(Network):
    """The base of networks in files: called as any network is, with nothing to train.

    Subclasses are made of the content of the files too, which was compared with their checksums, and read nothing anew.

    Args:
        path: of the file, for messages.
        exported: what is known of it.
    """

    def __init__(self, path: Path, exported: Exported) -> None:
        super().__init__()
        self.path, self.exported, self.context = path, exported, exported.context

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Itself, as there is nothing in it that changes."""
        return self

    def run(self, given: Sequence[Tensor]) -> Tensor:
        """Outputs for the inputs, on the CPU, in the order of `Exported.inputs`."""
        raise NotImplementedError

    def forward(self, inputs: Tensor, **more: Tensor) -> Tensor:
        """Outputs ``(N, ...)``, part by part where the file takes a fixed number of examples.

        Raises:
            RunFailed: it can't be run on inputs of this shape.
        """
        if missing := [name for name in self.exported.inputs[1:] if name not in more]:
            raise RunFailed(f"{self.path}: is given {', '.join(missing)} too, which these data do not have.")
        given = [inputs, *(more[name] for name in self.exported.inputs[1:])]
        with refusing(self.path, dict(zip(self.exported.inputs, given, strict=True))), torch.no_grad():
            return self._in_parts([tensor.cpu() for tensor in given]).to(inputs.device)

    def _in_parts(self, given: Sequence[Tensor]) -> Tensor:
        size, number = self.exported.batch, len(given[0])
        if size is None:
            return self._of(number, self.run(given))
        parts = []
        for start in range(0, number, size):
            part = [tensor[start : start + size] for tensor in given]
            lacking = size - len(part[0])
            if lacking:  # the last one again, as often as it takes
                part = [torch.cat((tensor, tensor[-1:].expand(lacking, *tensor.shape[1:]))) for tensor in part]
            parts.append(self._of(size, self.run(part))[: size - lacking])
        return torch.cat(parts)

    def _of(self, examples: int, outputs: Tensor) -> Tensor:
        """`outputs`, which are those of so many examples; others would be spread over them, or mixed up."""
        if outputs.shape[:1] != (examples,):
            raise RunFailed(
                f"{self.path}: gives outputs of the shape {tuple(outputs.shape)} for a batch of {examples}, where the "
                "first number should be that: the network leaves out dimensions of 1, or mixes examples."
            )
        return outputs


@contextmanager
def refusing(path: Path, given: Mapping[str, Any]) -> Iterator[None]:
    """Say of which shape what was given is, where a file can't be run on it."""
    try:
        yield
    except RunnerError:
        raise
    except Exception as error:  # of what runs it, of many kinds
        shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in given.items())
        raise RunFailed(f"{path}: can't be run on {shapes}: {shortened(error)}.") from error


def shortened(error: BaseException) -> str:
    """The beginning of a message, on one line and without the full stop behind it."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return text if len(text) < 300 else text[:300] + " ..."


def _check(exported: Exported) -> None:
    """Refuse values that a damaged checkpoint may hold.

    Raises:
        ValueError: with the one that is wrong.
    """
    batch, context = exported.batch, exported.context
    fitting = {
        "format": exported.format in get_args(Format),
        "file": _is_name(exported.file),
        "with_past": exported.with_past == "" or (exported.format == "onnx" and _is_name(exported.with_past)),
        "inputs": exported.inputs[:1] == ("inputs",) and all(isinstance(name, str) for name in exported.inputs),
        "batch": batch is None or (type(batch) is int and batch > 0),
        "context": context is None or (type(context) is int and context > 0),
        "provider": exported.provider in get_args(Provider),
    }
    if wrong := [name for name, fits in fitting.items() if not fits]:
        raise ValueError(f"{wrong[0]} is {getattr(exported, wrong[0])!r}, which this version does not know")


def _is_name(file: Any) -> bool:
    """Whether a file in the run folder could be called so."""
    return isinstance(file, str) and "\0" not in file and Path(file).name == file not in ("", "..")


def exported_in(saved: dict[str, Any], folder: Path) -> Exported:
    """What a checkpoint says of an exported file.

    Args:
        saved: in plain containers.
        folder: of the run, for messages.

    Raises:
        RunFailed: it is damaged.
    """
    try:
        exported = Exported(**{**saved, "inputs": tuple(saved["inputs"])})
        _check(exported)
    except (TypeError, KeyError, ValueError) as error:
        raise RunFailed(f"{folder}: its checkpoint does not say which file was exported ({error}).") from error
    return exported


def checkpoint_of(file: Path) -> Path | None:
    """The checkpoint that says what an exported file is given; None of a file that only lies in a run folder.

    Args:
        file: the exported file, or another one.

    Raises:
        RunFailed: the checkpoint in its folder is damaged.
    """
    path = file.parent / "checkpoints" / "best.pt"
    saved = checkpoint.load(path).get("exported") if path.is_file() else None
    return path if saved and exported_in(saved, file.parent).file == file.name else None


def open_exported(saved: dict[str, Any], folder: Path, trusted: Iterable[str] = ()) -> ExportedNetwork:
    """The network in an exported file.

    Args:
        saved: what the checkpoint says of it; see `Exported`.
        folder: of the run.
        trusted: what the user trusts, among it the names of files that hold code.

    Raises:
        ConfigError: what runs it is not installed; it holds code that runs as it is opened, and is not trusted.
        RunFailed: the file is gone, damaged, or another one.
    """
    exported = exported_in(saved, folder)
    path = folder / exported.file
    if exported.format != "onnx" and exported.file not in trusted:
        raise ConfigError(
            f"{path}: is a file of --format {exported.format}, which can run a program when it is opened, and whoever "
            f"sent a folder wrote its checksum too. If it is your own, name it: trusted_targets=[{exported.file}]. "
            "ONNX files run none."
        )
    files = {exported.file: exported.sha256}
    if exported.with_past:
        files[exported.with_past] = exported.with_past_sha256
    contents = [_content(folder / name, sha256) for name, sha256 in files.items()]
    network: ExportedNetwork = import_module(f"runner.model.exported.{exported.format}").Network(
        path, exported, *contents
    )
    return network


def _content(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunFailed(f"{path}: can't be read ({error.strerror}). Export the network again.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RunFailed(f"{path}: its checksum does not match: the file is damaged or another one. Export it again.")
    return content
