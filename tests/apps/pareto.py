"""A Hydra application with two objectives: Binh and Korn's function (1997)."""

import hydra
from omegaconf import DictConfig, OmegaConf

hydra.core.config_store.ConfigStore.instance().store(name="pareto", node=OmegaConf.create({"x": 0.0, "y": 0.0}))


@hydra.main(version_base=None, config_name="pareto")
def binh_and_korn(cfg: DictConfig) -> tuple[float, float]:
    return 4 * cfg.x**2 + 4 * cfg.y**2, (cfg.x - 5) ** 2 + (cfg.y - 5) ** 2


if __name__ == "__main__":
    binh_and_korn()
