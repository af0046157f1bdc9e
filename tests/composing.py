"""Composing at half its cost: a test process composes hundreds of commands, a user's one.

What is composed is what Hydra composes. Processes that are started as a user starts them do without this; those of a
fork server that imports `tests.composed` have it too.
"""

from __future__ import annotations

import pickle
from functools import cache

from hydra._internal import defaults_list
from hydra._internal.core_plugins import file_config_source
from hydra.core.plugins import Plugins

from runner.config.options import CONF

Plugins.instance()  # runs the modules of its plugins anew, imported or not: their classes are others before and after
FileConfigSource = file_config_source.FileConfigSource
_load, _map = FileConfigSource.load_config, defaults_list._create_interpolation_map


@cache
def _parsed(place: str, provider: str, name: str) -> bytes:
    return pickle.dumps(_load(FileConfigSource(provider, place), name))


def _load_once(self, config_path):
    """The project's own option files are parsed once in a process."""
    if self.path != str(CONF):
        return _load(self, config_path)
    return pickle.loads(_parsed(self.path, self.provider, config_path))


def _map_where_needed(overrides, defaults, self_added):
    """What references in a defaults list may mean, where it has any; Hydra makes it for every list."""
    return _map(overrides, defaults, self_added) if any(default.is_interpolation() for default in defaults) else None


def compose_faster() -> None:
    """In this process, from now on."""
    FileConfigSource.load_config = _load_once
    defaults_list._create_interpolation_map = _map_where_needed
