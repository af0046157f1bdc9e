"""What the jobs of a sweep see, written down, so that two sweepers can be compared: a line per event."""

import json
import os

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import OmegaConf


def write(event, **content):
    with open(os.environ["WITNESS"], "a") as file:
        file.write(json.dumps({"event": event, **content}, default=str) + "\n")


def saw(cfg, **more):
    """To be called by a task function."""
    hydra = HydraConfig.get()
    job = hydra.job
    write(
        "job",
        num=job.num,
        id=job.id,
        name=job.name,
        overrides=list(hydra.overrides.task),
        override_dirname=job.override_dirname,
        choices=OmegaConf.to_container(hydra.runtime.choices)["group1"] if "group1" in hydra.runtime.choices else None,
        config=OmegaConf.to_container(cfg, resolve=True),
        cwd_of_the_command=hydra.runtime.cwd,
        mode=str(hydra.mode),
        readonly=OmegaConf.is_readonly(hydra),
        where=os.getcwd().replace(hydra.runtime.output_dir, "OUTPUT"),
        sweep=hydra.sweep.dir,
        files=sorted(os.listdir(os.path.join(hydra.runtime.output_dir, hydra.output_subdir or ""))),
        log=os.path.exists(os.path.join(hydra.runtime.output_dir, f"{job.name}.log")),
        **more,
    )


class Witness(Callback):
    """Made once: what it keeps of the sweep's start is there in its jobs."""

    def __init__(self):
        self.started = 0
        write("made")

    def on_multirun_start(self, config, **kwargs):
        self.started += 1
        write("on_multirun_start", overrides=config.hydra.overrides.task, kwargs=sorted(kwargs))

    def on_multirun_end(self, config, **kwargs):
        write("on_multirun_end", started=self.started, kwargs=sorted(kwargs))

    def on_job_start(self, config, **kwargs):
        write("on_job_start", num=config.hydra.job.num, started=self.started, kwargs=sorted(kwargs))

    def on_job_end(self, config, job_return, **kwargs):
        value = job_return.return_value if job_return.status.name == "COMPLETED" else job_return._return_value
        write(
            "on_job_end",
            num=config.hydra.job.num,
            started=self.started,
            status=job_return.status.name,
            value=value if isinstance(value, (int, float, dict, tuple)) else str(value),
            task_name=job_return.task_name,
            overrides=job_return.overrides,
            cfg=OmegaConf.to_container(job_return.cfg, resolve=True),
            hydra=sorted(job_return.hydra_cfg),
            there=os.path.isdir(job_return.working_dir),
            kwargs=sorted(kwargs),
        )
