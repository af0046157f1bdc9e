"""Composing at two thirds of its cost: a test process composes hundreds of commands, a user's one.

What is composed is what Hydra composes. Processes that are started as a user starts them do without this; those of a
fork server that imports `tests.composed` have it too.
"""

from __future__ import annotations

import pickle

from hydra._internal import defaults_list
from hydra._internal.core_plugins import file_config_source, importlib_resources_config_source
from hydra.core.plugins import Plugins

from runner.config.options import CONF

Plugins.instance()  # runs the modules of its plugins anew, imported or not: their classes are others before and after
_map = defaults_list._create_interpolation_map


def _parsing_once(source) -> None:
    """The project's own option files, and Hydra's, are parsed once in a process."""
    load, parsed = source.load_config, {}

    def load_once(self, config_path):
        if self.path not in (str(CONF), "hydra.conf"):
            return load(self, config_path)
        where = self.path, self.provider, config_path
        if where not in parsed:
            parsed[where] = pickle.dumps(load(self, config_path))
        return pickle.loads(parsed[where])

    source.load_config = load_once


def _map_where_needed(overrides, defaults, self_added):
    """What references in a defaults list may mean, where it has any; Hydra makes it for every list."""
    return _map(overrides, defaults, self_added) if any(default.is_interpolation() for default in defaults) else None


def compose_faster() -> None:
    """In this process, from now on."""
    _parsing_once(file_config_source.FileConfigSource)
    _parsing_once(importlib_resources_config_source.ImportlibResourcesConfigSource)
    defaults_list._create_interpolation_map = _map_where_needed
