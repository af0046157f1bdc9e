"""A Hydra application that speaks the sweep protocol: decaying curves instead of a network.

Its run continues from ``checkpoint.json``, writes a line per epoch, looks for ``stop.json``, and ends by
``result.json``. ``misbehave`` makes it fail in the ways that real runs do.
"""

import json
import os
import signal
import time
from pathlib import Path

import hydra
from omegaconf import DictConfig, OmegaConf

from runner.errors import ConfigError

CONFIG = {
    "lr": 0.1,
    "floor": 0.0,
    "epochs": 9,
    "sleep": 0.02,
    "seed": 0,
    "misbehave": None,
    "optimizer": {"name": "sgd", "momentum": 0.0},
}
store = hydra.core.config_store.ConfigStore.instance()
store.store(name="curves", node=OmegaConf.create(CONFIG))


class Curves:
    modules = ()
    commanded = ()

    def check(self, cfg):
        if cfg.lr <= 0:
            raise ConfigError(f"lr={cfg.lr}: expected a rate above 0.")

    def objectives(self, cfg, names):
        known = {"val/loss": "minimize", "val/accuracy": "maximize"}
        return {name: known[name] for name in names or ["val/loss"]}

    def whole_numbers_only(self, cfg, key):
        return key == "epochs"

    def run(self, cfg, folder, resume):
        saved = folder / "checkpoint.json"
        done = json.loads(saved.read_text())["epoch"] if resume and saved.exists() else 0
        with open(folder / "starts.txt", "a") as file:
            file.write(f"{done}\n")
        result = {"status": "completed", "cause": None, "monitor": "val/loss"}
        for epoch in range(done + 1, cfg.epochs + 1):
            time.sleep(cfg.sleep)
            loss = cfg.floor + 1 / (1 + cfg.lr * epoch) + 1e-3 * cfg.seed
            if epoch == 3 and cfg.misbehave:
                misbehave(cfg.misbehave)
                if cfg.misbehave == "diverge":
                    loss = float("nan")
            with open(folder / "metrics.jsonl", "a") as file:
                row = {"epoch": epoch, "step": epoch, "val/loss": loss, "val/accuracy": 1 - loss}
                file.write(json.dumps(row) + "\n")
            whole(saved, json.dumps({"epoch": epoch}))
            result |= {"best_epoch": epoch, "best_value": loss, "val": {"loss": loss, "accuracy": 1 - loss}}
            if (folder / "stop.json").exists():
                stop = json.loads((folder / "stop.json").read_text())
                result |= {"status": stop["status"], "cause": stop["reason"]}
                break
        whole(folder / "result.json", json.dumps(result))

    def test(self, folder, commanded):
        with open(folder / "tested.txt", "a") as file:
            file.write("once\n")
        if (folder.parents[1] / "untestable").exists():
            raise ValueError("no test today")
        seed = json.loads((folder / "trial.json").read_text())["config"]["seed"]
        return {"loss": 0.5 + 1e-3 * seed}

    def closing(self, sweep):
        return []


def whole(path, text):
    """Write a file that no kill leaves in two."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    os.replace(new, path)


def misbehave(how):
    if how == "raise":
        raise ValueError("something is wrong")
    if how == "hang":
        time.sleep(1000)
    if how == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1000)
    if how == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exit":
        os._exit(3)
    if how == "memory":
        raise MemoryError


def curves(cfg: DictConfig) -> float:
    folder = Path(hydra.core.hydra_config.HydraConfig.get().runtime.output_dir)
    Curves().run(cfg, folder, resume=False)
    return json.loads((folder / "result.json").read_text())["best_value"]


curves.sweep_protocol = Curves()

if __name__ == "__main__":
    hydra.main(version_base=None, config_name="curves")(curves)()
