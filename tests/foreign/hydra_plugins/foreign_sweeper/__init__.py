"""Puts another sweeper in the place of Hydra's basic one, silent, and notes the test during which a sweep began.

Found by Hydra where ``tests/foreign`` is on ``PYTHONPATH``, which only ``run.py`` beside it does.
"""

import os

from hydra.conf import HydraConf
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

if sweeper := os.environ.get("FOREIGN_SWEEPER"):
    node = HydraConf()
    node.defaults = [{"sweeper": sweeper} if "sweeper" in entry else entry for entry in node.defaults]
    ConfigStore.instance().store(group="hydra", name="config", node=node, provider="hydra")
    if sweeper != "basic":
        from runner.sweep.reporter import Reporter

        Reporter.say = lambda self, text: None  # what jobs print is compared, not what sweepers say


def noted(self, **given):
    with open(os.environ["FOREIGN_NOTES"], "a") as file:
        file.write(f"{os.environ.get('PYTEST_CURRENT_TEST', '')}\t{given['config'].hydra.sweeper._target_}\n")
    return Plugins.unnoted(self, **given)


if "FOREIGN_NOTES" in os.environ and not hasattr(Plugins, "unnoted"):  # Hydra may load its plug-ins again
    Plugins.unnoted, Plugins.instantiate_sweeper = Plugins.instantiate_sweeper, noted
