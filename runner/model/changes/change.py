"""The base of changes, and how they are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from runner.errors import RunFailed, RunnerError

if TYPE_CHECKING:
    from torch import nn


class Change:
    """Something that is done to a network after its recipe has built it, and before its weights are loaded.

    The recipe says what a network was; its changes, in their order, what became of it: fewer channels, two thin layers
    in the place of a wide one, weights of eight bits. A subclass is a dataclass of plain values; it stands in a file of
    this folder, and is called as that.

    Attributes:
        trainable: whether a network with it can be trained further.
    """

    trainable: ClassVar[bool] = True

    def apply(self, model: nn.Module) -> None:
        """Do it to `model`, in place.

        Raises:
            ConfigError: it is another network than this was made for.
        """
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The name of its file."""
        return type(self).__module__.rpartition(".")[2]

    def plain(self) -> dict[str, Any]:
        """In plain containers, for checkpoints."""
        return {"change": self.name, **asdict(self)}  # type: ignore[call-overload]


def changes_in(saved: dict[str, Any], path: Path | str) -> list[Change]:
    """The changes that a checkpoint holds; none in those of a network that is as its recipe says.

    Args:
        saved: the content of the checkpoint.
        path: of its file, for messages.

    Raises:
        RunFailed: they are damaged.
    """
    try:
        return [_from_plain(dict(plain)) for plain in saved.get("changes", ())]
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise RunFailed(f"{path}: damaged, it does not say what was done to its network ({error}).") from error


def _from_plain(plain: dict[str, Any]) -> Change:
    name = plain.pop("change")
    folder = Path(__file__).parent
    if name not in {file.stem for file in folder.glob("*.py")} - {"__init__", "change"}:
        raise ValueError(f"there is no change {name!r} in this version")
    module = import_module(f"{__package__}.{name}")
    kind = next(entry for entry in vars(module).values() if _is_own(entry, module.__name__))
    made: Change = kind(**plain)
    return made


def _is_own(entry: Any, module: str) -> bool:
    return isinstance(entry, type) and issubclass(entry, Change) and entry.__module__ == module


def changed(model: nn.Module, changes: Iterable[Change]) -> nn.Module:
    """`model`, to which the changes were done in their order.

    Raises:
        ConfigError: it is another network than they were made for.
        RunFailed: what a checkpoint says of them is damaged.
    """
    for change in changes:
        try:
            change.apply(model)
        except RunnerError:
            raise
        except Exception as error:  # whatever damaged values make a library raise
            raise RunFailed(
                f"{change.name}: can't be done to this network: what its checkpoint says of it is damaged "
                f"({type(error).__name__}: {error})."
            ) from error
    return model
