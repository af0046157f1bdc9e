"""A Hydra application that knows nothing of the sweeper: the squared distance from a point."""

import time

import hydra
from omegaconf import DictConfig, OmegaConf

CONFIG = OmegaConf.create({"x": 10.0, "y": 10.0, "z": "foo", "error": False, "sleep": 0.0, "seed": 0})
hydra.core.config_store.ConfigStore.instance().store(name="sphere", node=CONFIG)


@hydra.main(version_base=None, config_name="sphere")
def sphere(cfg: DictConfig) -> float:
    time.sleep(cfg.sleep)
    if cfg.error:
        raise RuntimeError("cfg.error is True")
    return cfg.x**2 + cfg.y**2


if __name__ == "__main__":
    sphere()
