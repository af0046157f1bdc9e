"""What runs inside a worker: the application's task function, on one trial's config, in that trial's folder."""

from __future__ import annotations

import contextlib
import copy
import os
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra import version
from hydra._internal.callbacks import Callbacks
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobRuntime, JobStatus, _flush_loggers, configure_log, env_override
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf._utils import get_omega_conf_dumper

from runner.record.links import no_link


@dataclass(frozen=True)
class Application:
    """What a worker needs of the application; it is there because workers are forked from it.

    Attributes:
        task: the task function.
        callbacks: Hydra's, made once in the application; what they kept in ``on_multirun_start`` is there in a job.
    """

    task: Callable[..., Any]
    callbacks: Callbacks


@dataclass(frozen=True)
class Returned:
    """What a task function returned, in plain numbers.

    Attributes:
        kind: its type's name.
        scores: one number or several, or those of a dict by name; None where there is none.
    """

    kind: str
    scores: list[float] | dict[str, float] | None

    @classmethod
    def of(cls, value: Any) -> Returned:
        """Numbers of Python, numpy or torch, in sequences and mappings of them; anything else has no score."""
        scores: list[float] | dict[str, float]
        if isinstance(value, Mapping):
            scores = {str(key): number for key, v in value.items() if (number := _number(v)) is not None}
        elif (alone := _number(value)) is not None:
            scores = [alone]
        else:
            several = value.tolist() if hasattr(value, "tolist") else value
            plain = several if isinstance(several, Sequence) and not isinstance(several, str) else ()
            numbers = [_number(v) for v in plain]
            scores = [n for n in numbers if n is not None] if None not in numbers else []
        return cls(type(value).__name__, scores or None)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):  # the last is torch's, of what has several elements
        return None


def run_trial(app: Application, folder: Path, pickled: bytes, resume: bool) -> Returned:
    """Run one trial; its output goes to ``output.log`` in its folder.

    Does what Hydra's own `run_job` does for a job, in its order, at a tenth of its cost: a config that came through a
    pipe is ours and needs no copies, and YAML is written by the C library.

    Args:
        app: the application.
        folder: the trial's folder.
        pickled: the full config, ``hydra`` node included.
        resume: whether it ran before.
    """
    protocol = getattr(app.task, "sweep_protocol", None)
    full, cfg = pickle.loads(pickled), pickle.loads(pickled)
    with read_write(cfg), open_dict(cfg):
        del cfg["hydra"]
    HydraConfig.instance().cfg = full
    hydra = full.hydra
    output = Path(os.path.abspath(os.path.join(str(hydra.sweep.dir), str(hydra.sweep.subdir))))
    with read_write(hydra.runtime), open_dict(hydra.runtime):
        hydra.runtime.output_dir = str(output)
    OmegaConf.set_readonly(hydra, True)
    if output != folder:  # which is the driver's to make: where somebody removed it, it does not appear again
        output.mkdir(parents=True, exist_ok=True)
    job = JobReturn(overrides=list(hydra.overrides.task), cfg=cfg)
    with _output_to(folder / "output.log"), _working_in(output, hydra.job.chdir):
        job.working_dir = os.getcwd()
        configure_log(hydra.job_logging, hydra.verbose)
        if hydra.output_subdir is not None:
            _describe(output / hydra.output_subdir, cfg, hydra)
        if app.callbacks.callbacks:
            job.hydra_cfg = copy.deepcopy(OmegaConf.masked_copy(full, "hydra"))
        try:
            with env_override(hydra.job.env_set):
                app.callbacks.on_job_start(config=full, task_function=app.task)
                job.return_value = protocol.run(cfg, folder, resume) if protocol else app.task(cfg)
                job.status = JobStatus.COMPLETED
        except Exception as error:
            traceback.print_exception(error)
            job.return_value, job.status = error, JobStatus.FAILED
        job.task_name = JobRuntime.instance().get("name")
        _flush_loggers()
        app.callbacks.on_job_end(config=full, job_return=job)
    if job.status == JobStatus.FAILED:
        raise job._return_value
    return Returned.of(job.return_value)


def _describe(folder: Path, cfg: DictConfig, hydra: DictConfig) -> None:
    """Hydra's own three files about a job."""
    folder.mkdir(exist_ok=True)
    plain, own = (OmegaConf.to_container(config, resolve=False, enum_to_str=True) for config in (cfg, hydra))
    for name, content in (("config", plain), ("hydra", {"hydra": own}), ("overrides", list(hydra.overrides.task))):
        text = yaml.dump(content, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


class _Dumper(getattr(yaml, "CDumper", yaml.Dumper)):  # type: ignore[misc]
    """OmegaConf's way of quoting, with the C library's speed."""


_Dumper.add_representer(str, get_omega_conf_dumper().str_representer)


@contextlib.contextmanager
def _working_in(folder: Path, chdir: bool | None) -> Iterator[None]:
    """Work in the trial's folder where Hydra would."""
    if not (chdir or (chdir is None and not version.base_at_least("1.2"))):
        yield
        return
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def test_trial(app: Application, folder: Path, commanded: Mapping[str, Any]) -> dict[str, float]:
    """Evaluate a completed trial on the test split."""
    with _output_to(folder / "output.log"):
        try:
            scores: dict[str, float] = app.task.sweep_protocol.test(folder, commanded)  # type: ignore[attr-defined]
        except Exception as error:
            traceback.print_exception(error)
            raise
        return scores


@contextlib.contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Send everything this process prints, compiled code included, to the end of a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    with open(path, "ab", opener=no_link) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in enumerate(kept, start=1):
            os.dup2(copy, number)
            os.close(copy)
