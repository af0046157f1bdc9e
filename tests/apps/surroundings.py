"""A task that looks at its working directory and its environment, with the configs of another package."""

import os

import hydra
from witness import saw


@hydra.main(version_base="1.1", config_path="pkg://hydra.test_utils.configs", config_name="compose")
def surroundings(cfg):
    with open("written.txt", "a") as file:
        file.write("here\n")
    saw(cfg, variable=os.environ.get("FROM_HYDRA"), argv=os.path.basename(__import__("sys").argv[0]))
    print("a line of mine")
    if cfg.bar == 13:
        raise ValueError("unlucky")


if __name__ == "__main__":
    surroundings()
