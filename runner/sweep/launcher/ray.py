"""Trials on a Ray cluster: one that is there, or one on this machine that ends with the sweep."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Gt

from runner.errors import ConfigError
from runner.signals import heard_as_before
from runner.sweep.launcher.by_name import ByName
from runner.sweep.launcher.remote import Answer, RemoteLauncher, Work

# Before ray is imported: nothing is sent to its makers, and a cluster of our own listens to this machine alone.
PRIVATE = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}

ANSWERS = 10.0  # seconds that a cluster's head has to take a connection


class RayLauncher(RemoteLauncher):
    """One Ray task for each trial; Ray finds a node that has what it asks for.

    Tasks end with their driver, however that ends. A task whose worker or node is lost is not repeated by Ray but asked
    again by the driver, to go on from the trial's checkpoint.

    Args:
        count: trials at the same time.
        application: whose trials.
        address: of the cluster, ``auto`` or ``HOST:PORT``; None: one is started on this machine.
        cpus: processor cores for each trial; its libraries use so many threads.
        gpus: GPUs for each trial; 0.5 for two trials on each.
        resources: further resources of nodes, for placement: ``{bigmem: 1}``.
        object_store: MiB of memory for Ray's own store in a cluster started here; trials do not use it.

    Source: Moritz et al. 2018, "Ray: A Distributed Framework for Emerging AI Applications".
    """

    def __init__(
        self,
        count: int,
        application: ByName,
        address: str | None = None,
        cpus: Annotated[float, Gt(0)] = 1.0,
        gpus: Annotated[float, Ge(0)] = 0.0,
        resources: Mapping[str, float] | None = None,
        object_store: Annotated[int, Ge(80)] = 100,
    ) -> None:
        super().__init__(count, application)
        self.address, self.object_store = address, object_store
        self.needs = {"CPU": cpus, "GPU": gpus, **(resources or {})}

    def check(self) -> None:
        """Whether Ray is installed, and somebody listens at the address, for whom Ray would wait for minutes."""
        if importlib.util.find_spec("ray") is None:
            raise ConfigError("hydra/launcher=ray: Ray is not installed: pip install 'runner[ray]'.")
        if place := re.fullmatch(r"\[?([\w.:-]+?)\]?:(\d+)", self.address or ""):
            try:
                socket.create_connection((place[1], int(place[2])), timeout=ANSWERS).close()
            except (OSError, OverflowError, UnicodeError) as error:
                raise self._unusable(error) from error

    def open(self, folder: Path) -> None:
        """Connect to the cluster, or start one.

        Raises:
            ConfigError: there is none.
        """
        super().open(folder)
        os.environ |= PRIVATE if self.address is None else {"RAY_USAGE_STATS_ENABLED": "0"}
        import ray

        own = {
            "num_cpus": math.ceil(self.count * self.needs["CPU"]),
            "resources": {name: self.count * need for name, need in self.needs.items() if name not in ("CPU", "GPU")},
            "include_dashboard": False,
            "object_store_memory": self.object_store * 2**20,
        }
        try:
            with heard_as_before():  # Ray would end this process at SIGTERM, with nothing saved
                ray.init(
                    self.address or "local",
                    **(own if self.address is None else {}),
                    log_to_driver=False,
                    logging_level="ERROR",
                )
        except Exception as error:
            raise self._unusable(error) from error
        placed = {name: need for name, need in self.needs.items() if name not in ("CPU", "GPU")}
        task = ray.remote(
            num_cpus=self.needs["CPU"], num_gpus=self.needs["GPU"], resources=placed, max_retries=0, name="trial"
        )
        self._call = task(_do)
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(all(node.get(name, 0) >= need for name, need in self.needs.items()) for node in nodes):
            wanted = ", ".join(f"{name} {need:g}" for name, need in self.needs.items() if need)
            self.cautions = [f"no node of the Ray cluster has {wanted}: trials wait until one comes"]

    def _unusable(self, error: Exception) -> ConfigError:
        said = str(error).strip().partition("\n")[0][:300]
        return ConfigError(
            f"hydra.launcher.address={self.address}: no Ray cluster can be used there ({type(error).__name__}: "
            f"{said}). Start one with `ray start --head`, give HOST:PORT of its head, or leave the address out for "
            "one on this machine."
        )

    def _submit(self, work: Work) -> Any:
        return self._call.remote(work)

    def _ended(self, handles: Mapping[int, Any], seconds: float) -> dict[int, Answer | str]:
        import ray

        numbers = {handle: number for number, handle in handles.items()}
        ray.wait(list(numbers), num_returns=1, timeout=seconds)
        ready, _ = ray.wait(list(numbers), num_returns=len(numbers), timeout=0)
        found: dict[int, Answer | str] = {}
        for handle in ready:
            try:
                found[numbers[handle]] = ray.get(handle)
            except ray.exceptions.RayTaskError as error:  # it did not get as far as its folder
                found[numbers[handle]] = Answer("raised", None, _first_line(error.cause), 0.0)
            except ray.exceptions.RayError as error:
                found[numbers[handle]] = f"its worker was lost ({type(error).__name__}: {_first_line(error)})"
        return found

    def _kill(self, handle: Any) -> None:
        import ray

        ray.cancel(handle, force=True)

    def _shut(self) -> None:
        import ray

        ray.shutdown()


def _do(work: Work) -> Answer:
    """What Ray calls in a worker."""
    return work()


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")[:200]
