"""Resolvers and structured configs that only the main module registers, and a key without a default."""

from dataclasses import dataclass
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf
from witness import saw


@dataclass
class Sqlite:
    path: str = "here.db"
    port: int = 0


@dataclass
class Mysql:
    host: str = "localhost"
    port: int = 3306


@dataclass
class Config:
    db: Any = MISSING
    rate: float = MISSING
    doubled: str = "${twice:${rate}}"


@hydra.main(version_base=None, config_name="registered")
def registered(cfg):
    saw(cfg, type=OmegaConf.get_type(cfg.db).__name__)
    return cfg.db.port + float(cfg.doubled)


if __name__ == "__main__":
    store = ConfigStore.instance()
    store.store(name="registered", node=Config)
    store.store(group="db", name="sqlite", node=Sqlite)
    store.store(group="db", name="mysql", node=Mysql)
    OmegaConf.register_new_resolver("twice", lambda rate: str(2 * rate))
    registered()
