"""The one config file of a run folder: written when the run starts, read when it is continued or repeated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.basecontainer import BaseContainer
from omegaconf.errors import OmegaConfBaseException

from runner.config.compose import Command, check_deletion, refuse_sweeps, without_hydra
from runner.errors import ConfigError, did_you_mean
from runner.record.reading import read_yaml

# Values from the environment are secrets as often as not: they stay references.
_SECRET = re.compile(r"\$\{\s*oc\.env\s*:")

# OmegaConf reads these as numbers, PyYAML does not.
_LIKE_A_NUMBER = re.compile(r"[-+.\d_]+[eE][-+]?\d+")

# What may differ when a run is continued: everything else would make it another run.
RESUMABLE = re.compile(
    r"trainer\.(max_epochs|max_steps|max_time|device|strategy|collective_timeout|threads|log_every|evaluation|images|histograms|checkpoint\.\w+)"
    r"|data\.(num_workers|in_memory|path|root)|trusted_targets|tracking(\.[\w.]+)?"
)

# How long a run may be: given anew, a run that ended before its limits goes on.
LIMIT = re.compile(r"trainer\.(max_epochs|max_steps|max_time)")

# Where the data are now: whether they are the same is told by their content.
PLACE = re.compile(r"data\.(path|root)=")


def freeze(config: DictConfig) -> str:
    """The configuration as YAML: resolved, but for what comes from the environment; Hydra's node left out.

    What comes from there is found by resolving twice: a value that is another one in another environment stays a
    reference, as do copies of it, texts made of it and values that are chosen by it.
    """
    own = without_hydra(config)
    raw, values = OmegaConf.to_container(own, resolve=False), OmegaConf.to_container(own, resolve=True)
    elsewhere = values
    if _SECRET.search(str(OmegaConf.to_container(config, resolve=False))):
        with _another_environment():
            elsewhere = _by_entry(own)
    plain = _frozen(raw, values, elsewhere)
    return yaml.dump(plain, Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120)


@contextmanager
def _another_environment() -> Iterator[None]:
    """Every variable of the environment has a value that it has nowhere else."""
    before = BaseContainer._resolvers["oc.env"]
    OmegaConf.register_new_resolver("oc.env", lambda name, default=None: f"<{name} elsewhere>", replace=True)
    try:
        yield
    finally:
        BaseContainer._resolvers["oc.env"] = before


def _by_entry(node: Any) -> Any:
    """Plain values of a node; None for those that can't be resolved."""
    if not OmegaConf.is_config(node):
        return node
    found = {}
    for name in node if OmegaConf.is_dict(node) else range(len(node)):
        with suppress(Exception):  # resolvers of the user's own may raise anything
            found[name] = _by_entry(node[name])
    return found if OmegaConf.is_dict(node) else [found.get(number) for number in range(len(node))]


class _Dumper(yaml.SafeDumper):
    """Puts texts in quotes that would come back as something else: ``1e5`` and line ends of other alphabets."""

    def text(self, text: str) -> yaml.ScalarNode:
        unsafe = _LIKE_A_NUMBER.fullmatch(text) or not text.isprintable()
        return self.represent_scalar("tag:yaml.org,2002:str", text, style='"' if unsafe else None)


_Dumper.add_representer(str, _Dumper.text)


def _frozen(raw: Any, values: Any, elsewhere: Any) -> Any:
    if isinstance(raw, dict) and isinstance(values, dict):
        known = elsewhere if isinstance(elsewhere, dict) else {}
        return {key: _frozen(raw[key], values[key], known.get(key)) for key in raw}
    if isinstance(raw, list) and isinstance(values, list):
        there = elsewhere if isinstance(elsewhere, list) and len(elsewhere) == len(raw) else [None] * len(raw)
        return [_frozen(*entries) for entries in zip(raw, values, there, strict=True)]
    return raw if isinstance(raw, str) and "${" in raw and values != elsewhere else values


def thaw(path: Path) -> DictConfig:
    """Read a frozen configuration.

    Raises:
        ConfigError: it can't be read, is not valid YAML or not the configuration of a run.
    """
    try:
        config: Any = OmegaConf.create(read_yaml(path))
    except OSError as error:
        raise ConfigError(f"{path}: can't be read ({error.strerror}).") from error
    except (yaml.YAMLError, OmegaConfBaseException, ValueError, AssertionError) as error:
        raise ConfigError(f"{path}: can't be read as YAML: {str(error).partition(chr(10))[0]}.") from error
    keys = list(config) if isinstance(config, DictConfig) else []
    if "ensemble" in keys:
        raise ConfigError(
            f"{path}: is that of an ensemble, which was not trained: `evaluate` and `predict` take it. Its members are "
            "runs of their own, named in its manifest.json."
        )
    if "variant" in keys:
        raise ConfigError(
            f"{path}: is that of a variant, which was not trained: `evaluate` and `predict` take it. What it was made "
            "of is a run of its own, named in its manifest.json as parent; init=checkpoint init.path=FOLDER goes on "
            "from the weights of one that was pruned."
        )
    missing = [key for key in ("data", "model", "loss", "optimizer", "trainer", "seed") if key not in keys]
    if missing or not isinstance(config, DictConfig):
        raise ConfigError(f"{path}: not the configuration of a run: it has no {missing[0]!r}.")
    # A folder from somebody else must not decide by itself which code is trusted.
    config.trusted_targets = []
    return config


def recorded(config: dict[str, Any]) -> DictConfig:
    """The configuration that a checkpoint holds, where ``config.yaml`` is lost."""
    return OmegaConf.create({**config, "trusted_targets": []})


def check_same_run(config: DictConfig, saved: dict[str, Any], state: str) -> None:
    """Refuse the state of another run: it would go on as this one, and nobody would know.

    Args:
        config: of the run's own file.
        saved: the configuration that the state holds.
        state: where the state lies.

    Raises:
        ConfigError: names the first key that differs.
    """
    ours, theirs = (dict(_leaves(entries)) for entries in (OmegaConf.to_container(config, resolve=False), saved))
    for key in [key for key in ours if key in theirs and ours[key] != theirs[key] and not RESUMABLE.fullmatch(key)]:
        raise ConfigError(
            f"{state}: is of another run, with {key}={theirs[key]}, where config.yaml says {ours[key]}. Put the right "
            "file back, or go on from a state that was kept: --from NAME."
        )


def _leaves(entries: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested mappings by their whole keys."""
    for name, value in entries.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def from_environment(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration that a checkpoint holds, with what it leaves to the environment taken from there.

    Where the environment here lacks something, nothing is taken: a network can be used without the path of its data.
    """
    if not _SECRET.search(str(config)):
        return config
    try:
        plain: Any = OmegaConf.to_container(OmegaConf.create(config), resolve=True)
    except OmegaConfBaseException:
        return config
    return dict(plain)


def patch(config: DictConfig, command: Command) -> None:
    """Set values in a frozen configuration.

    Raises:
        ConfigError: there is no such key.
    """
    refuse_sweeps(command)
    for override in command.parsed:
        key = override.key_or_group
        parent, _, name = key.rpartition(".")
        node: Any = OmegaConf.select(config, parent) if parent else config
        added = parent and (override.is_add() or override.is_force_add())
        while parent and not OmegaConf.is_dict(node):  # that is not there either
            parent, _, name = parent.rpartition(".")
            node = OmegaConf.select(config, parent) if parent else config
            added = False
        if not OmegaConf.is_dict(node) or (name not in node and not added):
            names = [str(entry) for entry in node] if OmegaConf.is_dict(node) else []
            raise ConfigError(
                f"{override.input_line}: this run's config has no {key!r}.{did_you_mean(name, names)} "
                f"{f'Keys of {parent}' if parent else 'Keys'}: {', '.join(names)}."
            )
        if override.is_delete():
            check_deletion(override)
            del node[name]
        else:
            node[name] = override.value()


def check_resumable(overrides: list[Override]) -> None:
    """Refuse overrides that would make a continued run another run.

    Raises:
        ConfigError: names the first such key.
    """
    for override in overrides:
        if not RESUMABLE.fullmatch(override.key_or_group):
            raise ConfigError(
                f"{override.input_line}: can't change when a run is continued, it would be another run. Limits "
                "(trainer.max_epochs, max_steps, max_time), trainer.device, logging, tracking, trainer.checkpoint.*, "
                "where the data are (data.path, data.root) and how they are read (data.num_workers, in_memory) can. "
                "For a new run with other values: `python -m runner rerun RUN_DIR ...`."
            )
