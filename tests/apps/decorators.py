"""Decorators on either side of hydra.main: the inner one is part of the task, the outer one is called by nobody."""

import functools
import os

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf
from witness import saw

ConfigStore.instance().store(name="decorators", node=OmegaConf.create({"x": 1}))


def mult(function):
    @functools.wraps(function)
    def wrapper(*args):
        value = function(*args)
        return None if value is None else 10 * value

    return wrapper


main = hydra.main(version_base=None, config_name="decorators")


@main
@mult
def inner(cfg):
    saw(cfg)
    return cfg.x


@mult
@main
def outer(cfg):
    saw(cfg)
    return cfg.x


if __name__ == "__main__":
    {"inner": inner, "outer": outer}[os.environ["APP"]]()
