"""Task functions that no other process could import, in a script without a main guard."""

import os

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf
from witness import saw

ConfigStore.instance().store(name="shapes", node=OmegaConf.create({"x": 1}))


class Scaled:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, cfg):
        saw(cfg, factor=self.factor)
        return self.factor * cfg.x


def closure(factor):
    def task(cfg):
        saw(cfg, factor=factor)
        return factor * cfg.x

    return task


tasks = {"callable": Scaled(3), "closure": closure(4), "lambda": lambda cfg: (saw(cfg), {"loss": 5 * cfg.x})[1]}
hydra.main(version_base=None, config_name="shapes")(tasks[os.environ["APP"]])()
