"""A configuration, resolved once: everything behind the checks takes it from here."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import yaml

from runner.config.groups import BY_NAME, GROUPS, Group
from runner.config.refusal import refusal
from runner.config.signature import signature_of
from runner.config.targets import check_kind, check_trusted, resolve
from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.data.base import DataOption
    from runner.engine.settings import Trainer
    from runner.engine.technique import Technique

Config = dict[str, Any]

# The C library's, where it is there: the configuration of a run takes 1 ms, and 10 ms without.
FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Node:
    """One chosen option: a class, and values for its arguments.

    Args:
        key: where it stands in the configuration, for messages: ``regularization.mixup``.
        values: ``_target_`` and arguments, which may be such nodes themselves.
        trusted: modules that the user trusts.
        group: the group it belongs to; None for one inside of another.
    """

    def __init__(self, key: str, values: Config, trusted: tuple[str, ...], group: Group | None = None) -> None:
        self.key, self.values, self.trusted, self.group = key, values, trusted, group

    @cached_property
    def target(self) -> Any:
        """The class.

        Raises:
            ConfigError: there is no such class, its module is not trusted, or it is of another kind than belongs there.
        """
        key = f"{self.key}._target_"
        found = resolve(self.values["_target_"], key, self.trusted)
        check_kind(found, self.group.base if self.group else None, key, self.trusted)
        return found

    @property
    def arguments(self) -> Config:
        """The values without the class."""
        return {name: value for name, value in self.values.items() if name != "_target_"}

    @property
    def short(self) -> str:
        """What is typed for a class of ours, and the class's own name for others."""
        target: str = self.values["_target_"]
        return target.split(".")[-2 if target.startswith("runner.") else -1]

    def inner(self, name: str) -> Node:
        """The node that is the value of an argument."""
        return Node(f"{self.key}.{name}", self.values[name], self.trusted)

    def changed(self, values: Config) -> Node:
        """The same class with other values."""
        return Node(self.key, values, self.trusted, self.group)

    def make(self, **supplied: Any) -> Any:
        """Call the class with its values.

        Args:
            supplied: what the program supplies; only what the class takes is passed.

        Raises:
            ConfigError: it refuses a value.
        """
        takes = signature_of(self.target).supplied
        arguments = {name: value for name, value in supplied.items() if name in takes}
        for name, value in self.arguments.items():
            arguments[name] = self.inner(name).make(**supplied) if is_node(value) else plain(value)
        try:
            return self.target(**arguments)
        except (ValueError, TypeError) as error:
            raise refusal(self.target, arguments, self.values, self.key, error) from error


class Recipe:
    """What one run is made from. Parts that live as long as the run are made when they are first asked for, once.

    Args:
        values: the configuration in plain containers, every interpolation resolved.
        text: the same as a run folder keeps it: YAML in which secrets stay references. None where nothing is kept.
    """

    def __init__(self, values: Config, text: str | None = None) -> None:
        self.values, self.text = values, text

    @property
    def trusted(self) -> tuple[str, ...]:
        """Modules that the user trusts."""
        return tuple(self.values.get("trusted_targets") or ())

    @property
    def seed(self) -> int:
        """The run's seed."""
        return int(self.values["seed"])

    @property
    def recorded(self) -> Config:
        """The configuration as checkpoints keep it."""
        kept: Config = yaml.load(self.text, FAST) if self.text else self.values
        return kept

    def __getitem__(self, key: str) -> Node:
        """The option that was chosen for a group.

        Raises:
            ConfigError: there is none.
        """
        values: Any = self.values
        for name in key.split("."):
            values = values.get(name) if isinstance(values, dict) else None
        if not is_node(values):
            raise ConfigError(
                f"{key}: nothing says which class to build. Expected a _target_ and its arguments, as in the options "
                f"that `python -m runner list {key.partition('.')[0]}` shows."
            )
        above = BY_NAME.get(key.rpartition(".")[0])
        return Node(key, values, self.trusted, BY_NAME.get(key) or (above if above and above.many else None))

    def nodes(self) -> Iterator[Node]:
        """All options that were chosen, in the order of the table of groups.

        Raises:
            ConfigError: one of them names no class.
        """
        for group in GROUPS:
            yield from self.of(group)

    def refuse_untrusted(self) -> None:
        """Look at every class that is named, also inside of values, before any is built.

        Raises:
            ConfigError: one is in a module that is not trusted.
        """
        for node in self.nodes():
            check_trusted(node.values, node.key, self.trusted)

    def of(self, group: Group) -> Iterator[Node]:
        """The options that were chosen for `group`."""
        chosen: Any = self.values
        for name in group.name.split("."):
            chosen = (chosen or {}).get(name)
        if group.many:
            if not isinstance(chosen or {}, dict):
                given = "null" if chosen is None else chosen
                raise ConfigError(f"{group.name}={given}: expected options by name, such as {group.name}=[NAME].")
            for name in chosen or {}:
                node = self[f"{group.name}.{name}"]
                yield Node(node.key, node.values, self.trusted, group)
        elif chosen or not group.optional:
            yield self[group.name]

    @cached_property
    def trainer(self) -> Trainer:
        """How long, where and how the network is trained."""
        trainer: Trainer = self["trainer"].make()
        return trainer

    @cached_property
    def data(self) -> DataOption:
        """The data option, not loaded."""
        option: DataOption = self["data"].make()
        return option

    @cached_property
    def techniques(self) -> list[Technique]:
        """The techniques of all groups, in the order in which they act.

        Raises:
            ConfigError: two exclude each other.
        """
        from runner.engine.technique import in_order

        return in_order(node.make() for group in GROUPS if group.technique for node in self.of(group))


def is_node(value: Any) -> bool:
    """Whether a value of the configuration says which class to call."""
    return isinstance(value, dict) and "_target_" in value


def plain(value: Any) -> Any:
    """Lists as tuples, all the way down: values are shared and must not change."""
    if isinstance(value, list):
        return tuple(plain(entry) for entry in value)
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return value
