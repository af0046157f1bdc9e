"""Whether everything that training changes is in the checkpoint: a plug-in that forgets some of it is told so."""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from runner.errors import RunFailed

if TYPE_CHECKING:
    from runner.engine.fit import Fit

log = logging.getLogger(__name__)

_PLAIN = (bool, int, float, str, type(None))
_FIRST = 1000  # entries of a container that are looked at
_EARLY = 60.0  # seconds
# Of an optimizer: what torch saves, and its notes to itself.
_KEPT_BY_TORCH = ("state", "param_groups", "_need_device_dtype_check_for_fused", "_warned_capturable_if_run_uncaptured")


class UnsavedState:
    """Remembers the attributes of a run's parts, and compares them with what they save.

    Watched are the techniques, the schedule, the warm-up, the loss and the optimizer, unless it is torch's own. An
    attribute counts as forgotten when a value in it changed since training began (or went on) and is nowhere in the
    part's state but under the names of other attributes. So does a copy of the weights that a technique took in
    `setup`, which a resumed run calls before it has its weights back. What belongs to the run (network, optimizer,
    position, other parts) is left out, as it is saved elsewhere; so is what the class names in ``not_saved``. Costs
    one pass over the attributes, and reads the device only for tensors that are saved as copies or may be such.

    Args:
        fit: the run, ready to train.
    """

    def __init__(self, fit: Fit) -> None:
        self.fit, self.told = fit, False
        rate = fit.learning_rate
        parts: dict[str, Any] = {
            "schedule": rate.schedule,
            "warmup": rate.warmup,
            "loss": fit.loss,
            "optimizer": None if type(fit.optimizer).__module__.startswith("torch.optim.") else fit.optimizer,
        }
        self.parts: list[tuple[str, str, Any]] = [("", name, part) for name, part in parts.items() if part is not None]
        self.parts += [("techniques", technique.name, technique) for technique in fit.techniques]
        things = [fit, *vars(fit).values(), *fit.techniques, *fit.model.modules()]
        tensors = [*fit.model.parameters(), *fit.model.buffers()]
        self.shared = {id(thing) for thing in (*things, *tensors) if not isinstance(thing, _PLAIN)}
        self.shared |= {tensor.data_ptr() for tensor in tensors} - {0}
        self.before = [{at: mark for at, _, mark in self._values(part)} for _, _, part in self.parts]
        self.copied = [
            {at for at, leaf, _ in self._values(part) if group and fit.state.step == 0 and self._is_copy(leaf)}
            for group, _, part in self.parts
        ]

    def check(self, content: dict[str, Any]) -> None:
        """Compare with the checkpoint that is about to be written.

        In the first minute of a run what is forgotten ends it; later it is told once, as the night is worth more.

        Raises:
            RunFailed: something was forgotten, or can't be read back; names the class and the attributes.
        """
        try:
            self._compare(content)
        except RunFailed as error:
            if self.fit.seconds() < _EARLY:
                raise
            if not self.told:
                self.told = True
                self.fit.progress.message(str(error))
                log.warning("%s", error)

    def _compare(self, content: dict[str, Any]) -> None:
        for (group, name, part), before, copied in zip(self.parts, self.before, self.copied, strict=True):
            state = (content[group] if group else content).get(name, {})
            if name != "optimizer":
                _check_plain(part, state)
            values = list(self._values(part))
            changed = [(at, leaf) for at, leaf, mark in values if before.get(at) != mark]
            taken = [(at, leaf) for at, leaf, _ in values if at in copied]
            for how, places in (("changed in training", changed), ("came from the weights in setup()", taken)):
                lost = sorted(
                    {at.split("/")[1] for at, leaf in places if not _holds(_without_others(state, at, part), leaf)}
                )
                if lost:
                    raise RunFailed(_complaint(part, lost, how))

    def _values(self, part: Any) -> Iterator[tuple[str, Any, Any]]:
        """Every value in the attributes of `part`: where it is, itself, and something that changes when it does."""
        left_out = {
            *getattr(part, "not_saved", ()),
            *(_KEPT_BY_TORCH if isinstance(part, torch.optim.Optimizer) else ()),
        }
        own = {name: value for name, value in vars(part).items() if name not in left_out}
        for at, leaf in self._leaves(own, "", set()):
            if isinstance(leaf, Tensor):
                yield at, leaf, (leaf.data_ptr(), None if leaf.is_inference() else leaf._version, leaf.shape)
            elif isinstance(leaf, torch.Generator):
                yield at, leaf.get_state(), leaf.get_state().tolist()
            elif isinstance(leaf, _PLAIN):
                yield at, leaf, repr(leaf)  # NaN is like NaN, and 1 is not like True

    def _is_copy(self, leaf: Any) -> bool:
        """Whether this is a copy of some weights; zeros and ones are no one's."""
        if not isinstance(leaf, Tensor):
            return False
        alike = [p for p in self.fit.model.parameters() if p.shape == leaf.shape and p.device == leaf.device]
        return any(bool(p.min() < p.max()) and torch.equal(p, leaf) for p in alike)

    def _leaves(self, value: Any, at: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
        """The values in containers, in arrays and in objects that hold some, with their places."""
        if isinstance(value, _PLAIN):
            yield at, value
            return
        mine = value.data_ptr() not in self.shared if isinstance(value, Tensor) else True
        if id(value) in self.shared or id(value) in seen or not mine:
            return
        seen.add(id(value))
        if isinstance(value, (Tensor, torch.Generator)):
            yield at, value
        elif isinstance(value, nn.Module):
            yield from self._leaves(value.state_dict(), at, seen)
        elif isinstance(value, dict):
            for key, entry in islice(value.items(), _FIRST):
                yield from self._leaves(entry, f"{at}/{key}", seen)
        elif isinstance(value, (list, tuple, set, frozenset, deque)):
            for number, entry in enumerate(islice(value, _FIRST)):
                yield from self._leaves(entry, f"{at}/{number}", seen)
        elif hasattr(value, "tolist"):  # of NumPy
            yield from self._leaves(value.tolist(), at, seen)
        elif hasattr(value, "__dict__") and not callable(value):
            yield from self._leaves(vars(value), at, seen)


def _entries(state: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """The entries of a state, with their places."""
    if type(state) in (dict, OrderedDict):
        for key, entry in state.items():
            yield from _entries(entry, f"{at}/{key}")
    elif type(state) in (list, tuple, set):
        for number, entry in enumerate(state):
            yield from _entries(entry, f"{at}/{number}")
    else:
        yield at, state


def _without_others(state: Any, at: str, part: Any) -> list[Any]:
    """The entries of a part's state but those under the name of an attribute in which the value at `at` is not."""
    others = {name.lstrip("_") for name in vars(part)} - _names(at)
    return [entry for place, entry in _entries(state) if not _names(place) & others]


def _names(at: str) -> set[str]:
    return {name.lstrip("_") for name in at.split("/")}


def _holds(entries: list[Any], leaf: Any) -> bool:
    """Whether a value is among the entries of a state: the number, the tensor itself, an equal one, or its numbers."""
    tensors = [entry for entry in entries if isinstance(entry, Tensor)]
    numbers = [entry for entry in entries if isinstance(entry, _PLAIN)]
    if isinstance(leaf, _PLAIN):
        return leaf != leaf or leaf in numbers or any(leaf == t.item() for t in tensors if t.numel() == 1)
    alike = [tensor for tensor in tensors if tensor.shape == leaf.shape]
    if any(tensor.data_ptr() == leaf.data_ptr() for tensor in alike):
        return True
    if any(torch.equal(tensor.cpu(), leaf.cpu()) for tensor in alike):
        return True
    return bool(numbers) and leaf.numel() <= _FIRST and set(leaf.flatten().tolist()) <= set(numbers)


def _where(part: Any) -> str:
    return f"{type(part).__module__}.{type(part).__qualname__}"


def _check_plain(part: Any, state: Any) -> None:
    for at, entry in _entries(state):
        if type(entry) not in _PLAIN and not isinstance(entry, Tensor):
            raise RunFailed(
                f"{_where(part)}: its state_dict() holds a {_where(entry)} at {at[1:]!r}, which can't be read back. "
                "Expected dicts, lists and tuples of numbers, texts and tensors."
            )


def _complaint(part: Any, lost: list[str], how: str) -> str:
    what = f"{'attributes' if len(lost) > 1 else 'attribute'} {', '.join(lost)}"
    return (
        f"{_where(part)}: its {what} {how} and would not be in the checkpoint, so that a resumed run would differ. "
        f"Either return {'it' if len(lost) == 1 else 'them'} from state_dict() and take it back in "
        "load_state_dict(); or, for clocks and what is worked out anew, declare "
        f"not_saved = {tuple(lost)} in the class."
    )
