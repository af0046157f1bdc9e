"""Our own runs as a Hydra application, with what they offer a sweep."""

import hydra

from runner.cli.hydra import task as run_once
from runner.cli.trials import Trials
from runner.config.options import CONF


def train(cfg):
    return run_once(cfg)


train.sweep_protocol = Trials()

if __name__ == "__main__":
    hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(train)()
