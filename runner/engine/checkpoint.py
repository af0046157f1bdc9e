"""Checkpoints: one dict of plain containers and tensors, written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from runner.engine.spec import Spec
from runner.errors import ConfigError, RunFailed, did_you_mean
from runner.record.files import write_bytes, write_text
from runner.record.reading import read

FORMAT = 2

# What the state of a run holds at least, beside what is said of its network.
_STATE = (
    *("model", "optimizer", "loss", "scaler", "schedule", "techniques", "meter", "monitor", "position"),
    *("config", "spec", "data"),
)

log = logging.getLogger(__name__)


class Damaged(RunFailed):
    """A checkpoint file is not what was written."""


def _checksums(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _known(path: Path) -> list[str]:
    """The checksums of a file and of the one before it; none where their own file is gone or damaged."""
    try:
        words = read(_checksums(path)).decode(errors="replace").split()
    except OSError:
        return []
    return [word for word in words if re.fullmatch(r"[0-9a-f]{64}", word)]


def _checksum(path: Path) -> str | None:
    """The checksum of the file that stands at a path; None where none can be read, or it is not what was written."""
    try:
        found = hashlib.sha256(read(path, largest=None)).hexdigest()
    except OSError:
        return None
    return found if found in (_known(path) or [found]) else None


def save(path: Path, content: dict[str, Any], keep_previous: bool = False) -> None:
    """Write a checkpoint to a temporary name, fsync it, and rename it.

    Beside it, ``NAME.sha256`` holds the checksum of the new file and of the one that it replaces, and is written first:
    so at every moment one of the two belongs to the file that stands there. What stands there is looked at for that:
    where saving was cut off before, it is older than the checksums say.

    Args:
        path: where to; the folder must exist.
        content: plain containers and tensors; ``format`` is added.
        keep_previous: keep the file that was there as ``NAME.previous``, unless it is damaged.
    """
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **content}, buffer)
    data = buffer.getbuffer()
    there = _checksum(path)
    if keep_previous and there is not None:
        previous = path.with_name(path.name + ".previous")
        write_text(_checksums(previous), there + "\n")
        linked = path.with_name(f".{path.name}.link")
        linked.unlink(missing_ok=True)
        try:
            os.link(path, linked)
            os.replace(linked, previous)
        except OSError:  # a file system without hard links
            write_bytes(previous, path.read_bytes())
        finally:
            linked.unlink(missing_ok=True)  # which stays where both are links to one file already
    sums = [hashlib.sha256(data).hexdigest(), *([] if there is None else [there])]
    write_text(_checksums(path), "\n".join(sums) + "\n")
    write_bytes(path, data)


def remove(path: Path) -> None:
    """Remove a checkpoint and its checksum."""
    for file in (path, _checksums(path)):
        file.unlink(missing_ok=True)


def meant_by(path: str, key: str) -> Path:
    """The checkpoint that a user means: the best of a run, by its folder, or a file.

    Args:
        path: what was given.
        key: config key that it was given for, for the message.

    Raises:
        ConfigError: there is none.
    """
    given = Path(os.path.expanduser(path))
    file = given / "checkpoints" / "best.pt" if given.is_dir() else given
    if not file.is_file():
        raise ConfigError(f"{key}={path}: there is no {file}. Expected a run folder or a checkpoint file.")
    return file


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint, without running any code that it might hold.

    Raises:
        Damaged: the file is truncated, altered, or of another format.
        ConfigError: reading it is not allowed.
    """
    try:
        data = read(path, largest=None)
    except PermissionError as error:  # it may be whole: nothing must take its place
        raise ConfigError(f"{path}: can't be read ({error.strerror}). Allow it, or move the file away.") from error
    except OSError as error:
        raise Damaged(f"{path}: can't be read ({error.strerror}).") from error
    sums = _known(path)
    if sums and hashlib.sha256(data).hexdigest() not in sums:
        raise Damaged(f"{path}: its checksum does not match: the file is damaged.")
    _refuse_packed(path, data)
    try:
        content: dict[str, Any] = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    except Exception as error:  # torch raises many kinds for a torn file
        raise Damaged(f"{path}: can't be read as a checkpoint ({type(error).__name__}).") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else None
        raise Damaged(f"{path}: is of format {found}; this version reads {FORMAT}.")
    if wrong := _misshapen(content):
        raise Damaged(f"{path}: damaged, what it says of {wrong} is not what a run writes there.")
    return _with_parts(path, content, device) if "parts" in content else content


def _with_parts(path: Path, content: dict[str, Any], device: torch.device | str) -> dict[str, Any]:
    """A state whose weights several processes wrote, each its part, into a folder beside."""
    from runner.engine.ranks import parts

    folder = path.parent / Path(content["parts"]).name
    try:
        whole = parts.read(folder, content, content["sums"])
    except Exception as error:  # torch raises many kinds for a torn file
        raise Damaged(f"{path}: {folder.name}, where its weights are, can't be read ({error}).") from error
    if str(device) != "cpu":
        whole["model"] = {name: tensor.to(device) for name, tensor in whole["model"].items()}
    return whole


def parts_of(path: Path) -> str | None:
    """Name of the folder in which the weights of a checkpoint are; None where they are in its file, or it is gone."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # torch raises many kinds
        return None
    name = found.get("parts") if isinstance(found, dict) else None
    return Path(name).name if isinstance(name, str) else None


def _misshapen(content: dict[str, Any]) -> str | None:
    """The name of a part that is of another form than a run writes it; None where all that are there are right."""
    position, data = content.get("position", {}), content.get("data", {"fingerprint": "", "sizes": {}})
    numbers: list[Any] = list(position.values()) if isinstance(position, dict) else [None]
    if not all(type(value) in (int, float) and 0 <= value < 1 << 53 for value in numbers):
        return "position"
    known = isinstance(data, dict) and isinstance(data.get("fingerprint"), str) and isinstance(data.get("sizes"), dict)
    if not known or not all(type(size) is int for size in data["sizes"].values()):
        return "data"
    try:
        if "spec" in content:
            Spec.from_plain(content["spec"])
    except (KeyError, TypeError, AttributeError, ValueError):
        return "spec"
    return None


def _refuse_packed(path: Path, data: bytes) -> None:
    """Refuse what unpacks to more than it has: torch writes an archive in which nothing is packed."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except Exception as error:  # a torn archive makes Python raise many kinds
        raise Damaged(f"{path}: can't be read as a checkpoint ({type(error).__name__}).") from error
    if size > len(data):
        raise Damaged(f"{path}: is no checkpoint: it has {len(data):,} bytes and would unpack to {size:,}.")


def load_state(path: Path) -> dict[str, Any]:
    """Read a checkpoint from which a run can go on.

    Raises:
        Damaged: as of `load`, or a part of the state is missing.
    """
    return _whole(path, load(path))


def _whole(path: Path, saved: dict[str, Any]) -> dict[str, Any]:
    lacking = [name for name in ("epoch", "step") if name not in saved.get("position", ())]
    lacking += [name for name in _STATE if not isinstance(saved.get(name), dict)]
    if lacking:
        raise Damaged(f"{path}: damaged or no state of a run: {', '.join(lacking)} is missing in it.")
    return saved


def load_last(folder: Path) -> dict[str, Any] | None:
    """The newest state in `folder` that is whole: ``last.pt``, else the one before it with a warning, else None."""
    last = folder / "last.pt"
    previous = folder / "last.pt.previous"
    for path in (last, previous):
        if path.exists():
            try:
                return load_state(path)
            except Damaged as error:
                before = path is last and previous.exists()
                log.warning("%s %s", error, "Continuing from the one before." if before else "Starting over.")
    return None


def left_in(folder: Path) -> str:
    """What can still be done with a run of which the last state is damaged, in a sentence or two.

    Args:
        folder: the checkpoints of the run.
    """
    said = []
    if kept := sorted(path.stem for path in folder.glob("epoch-*.pt")):
        said.append(f"`resume --from {kept[-1]}` goes on from a state that was kept.")
    if (folder / "last.pt.previous").is_file():
        said.append("Without last.pt, `resume` takes the one before it, last.pt.previous.")
    if (folder / "best.pt").is_file():
        said.append("best.pt, the best weights, can be evaluated and used as it is.")
    return " ".join(said) or "`rerun` repeats the run."


def state_named(folder: Path, name: str) -> dict[str, Any]:
    """The state of a run that was kept under a name.

    Args:
        folder: the checkpoints of a run.
        name: such as ``epoch-0010``.

    Raises:
        ConfigError: there is no such checkpoint, or it holds weights alone.
        Damaged: the file is.
    """
    path = _named(folder, name)
    saved = load(path) if os.path.isfile(path) else {}
    if "optimizer" in saved:
        return _whole(path, saved)
    kept = ["last", *sorted(p.stem for p in folder.glob("epoch-*.pt"))]
    what = "it holds weights alone, not the state of a run" if saved else f"there is no {path}"
    raise ConfigError(
        f"--from {name}: {what}.{did_you_mean(path.stem, kept)} Expected one of: {', '.join(kept)}. "
        "trainer.checkpoint.every_epochs=N keeps the state of every Nth epoch."
    )


def go_back_to(folder: Path, name: str) -> None:
    """Make an earlier state the last one, so that a run goes on from it whatever happens in between.

    Args:
        folder: the checkpoints of a run.
        name: as of `state_named`, which found it.
    """
    path = _named(folder, name)
    if path.stem != "last":
        save(folder / "last.pt", load(path))
        remove(folder / "last.pt.previous")  # it is later than that


def go_on(folder: Path, saved: dict[str, Any]) -> None:
    """Make of the last state, in which the run had ended before its limits, one from which it goes on."""
    saved["ended"] = None
    save(folder / "last.pt", saved)


def _named(folder: Path, name: str) -> Path:
    return folder / f"{name.removesuffix('.pt')}.pt"


def difference(expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor]) -> str:
    """In words, how the weights in a checkpoint differ from what the network needs; empty when they fit.

    Lazy layers that have seen nothing yet take any shape.
    """
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    shapes = [
        f"{name} is {_shape(found[name])} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in found and not is_lazy(tensor) and _shape(found[name]) != tuple(tensor.shape)
    ]
    parts = []
    if missing:
        parts.append(f"{len(missing)} missing ({_some(missing)})")
    if extra:
        parts.append(f"{len(extra)} unknown ({_some(extra)})")
    if shapes:
        parts.append(f"{len(shapes)} of another shape ({_some(shapes)})")
    return "; ".join(parts)


def _shape(value: Any) -> Any:
    """The shape of a tensor; what else stands in its place, by its type."""
    return tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
