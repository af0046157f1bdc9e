"""A state of which every rank writes what it holds, by torch.distributed.checkpoint; whoever reads it, reads all."""

from __future__ import annotations

import hashlib
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.metadata import Metadata, StorageMeta, TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

SHARED = ("model", "optimizer")  # what of a checkpoint is written in parts


def write(folder: Path, content: dict[str, Any], rank: int) -> tuple[dict[str, Any], dict[str, str]]:
    """Write the tensors of network and optimizer; called by all ranks.

    Args:
        folder: where to; it is not there yet.
        content: of a checkpoint.
        rank: of this process.

    Returns:
        The content without them, and the checksums of the files that this rank wrote.
    """
    tensors = dict(_tensors({name: content[name] for name in SHARED}))
    save(tensors, storage_writer=_Writer(str(folder)))
    names = [f"__{rank}_*.distcp", *([".metadata"] if rank == 0 else [])]
    sums = {path.name: _checksum(path) for name in names for path in folder.glob(name)}
    return {name: _without_tensors(value) if name in SHARED else value for name, value in content.items()}, sums


def read(folder: Path, content: dict[str, Any], sums: dict[str, str]) -> dict[str, Any]:
    """The content of a checkpoint with the tensors that were written beside it, each in one piece on the CPU.

    Args:
        folder: where they are.
        content: as `write` gave it.
        sums: checksums of all files.

    Raises:
        OSError: a file is missing.
        ValueError: a file is not what was written.
    """
    for name, sum_ in sums.items():
        if _checksum(folder / Path(name).name) != sum_:
            raise ValueError(f"{folder / name}: its checksum does not match")
    reader = _Reader(str(folder))
    known = reader.read_metadata().state_dict_metadata
    tensors: dict[str, Any] = {
        at: torch.empty(entry.size, dtype=entry.properties.dtype)
        for at, entry in known.items()
        if isinstance(entry, TensorStorageMetadata)
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that one process reads, as it is to
        load(tensors, storage_reader=reader, no_dist=True)
    return {name: _with_tensors(value, tensors, name) if name in SHARED else value for name, value in content.items()}


class _Writer(FileSystemWriter):
    """Writes a table of contents that says nothing of where it lies: folders are moved."""

    def storage_meta(self) -> None:
        return None


class _Reader(FileSystemReader):
    """Reads the table of contents, a pickle, without calling anything but what such tables are made of."""

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        with self.fs.create_stream(self._get_metadata_path(kwargs.get("rank")), "rb") as file:
            metadata: Metadata = _TableOfContents(file).load()
        metadata.storage_meta = StorageMeta()
        metadata.storage_meta.load_id = self.load_id
        return metadata


class _TableOfContents(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        of_tables = module in (
            "torch.distributed.checkpoint.metadata",
            "torch.distributed.checkpoint.filesystem",
        ) and name in (
            *("Metadata", "MetadataIndex", "StorageMeta", "TensorProperties", "TensorStorageMetadata"),
            *("ChunkStorageMetadata", "BytesStorageMetadata", "_MEM_FORMAT_ENCODING", "_StorageInfo"),
        )
        of_torch = module == "torch" and (name == "Size" or isinstance(getattr(torch, name, None), torch.dtype))
        if of_tables or of_torch or (module, name) in (("torch.serialization", "_get_layout"),):
            return super().find_class(module, name)
        raise ValueError(f"{module}.{name} is no part of a checkpoint")


def _tensors(value: Any, at: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield at, value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _tensors(entry, f"{at}/{key}" if at else str(key))


def _without_tensors(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_tensors(entry) for key, entry in value.items()}
    return None if isinstance(value, Tensor) else value


def _with_tensors(value: Any, tensors: dict[str, Any], at: str) -> Any:
    if isinstance(value, dict):
        return {key: _with_tensors(entry, tensors, f"{at}/{key}") for key, entry in value.items()}
    return tensors.get(at, value)


def _checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
