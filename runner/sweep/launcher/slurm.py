"""Trials as jobs of a SLURM cluster, handed over by submitit; a job that is preempted goes on from its checkpoint."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Literal

from annotated_types import Gt

from runner.errors import ConfigError, RunFailed
from runner.record.lock import Lock
from runner.record.stop import StopRequest, this_process
from runner.sweep.launcher.by_name import ByName
from runner.sweep.launcher.remote import Answer, RemoteLauncher, Work
from runner.sweep.run_trial import run_trial
from runner.sweep.verdict import read_result

PLACE = "slurm"  # in the sweep's folder: submitit's files, and what was handed over
RECORD = "jobs.jsonl"
NAME = re.compile("runner-[0-9a-f]{16}")
LOOK = 1.0  # seconds between looks at results; of 500 jobs on a network file system each costs as many calls


class SlurmLauncher(RemoteLauncher):
    """One SLURM job for each trial.

    A job that is preempted or reaches its time limit is put back into the queue and goes on from the trial's
    checkpoint. Jobs outlive their driver; the next start of the sweep cancels them before it does anything else.

    Args:
        count: jobs in the queue or running at the same time.
        application: whose trials.
        partition: as of ``sbatch``; None: the cluster's default, here and below.
        account: likewise.
        qos: likewise.
        time: minutes that a job may take before it goes back into the queue.
        gres: generic resources, such as ``gpu:1``.
        cpus: processor cores for each trial; its libraries use so many threads.
        mem: memory for each trial, such as ``8G``.
        additional: further options of ``sbatch``: ``{constraint: a100}``.
        warning: seconds before its time limit, or its preemption, at which a job hears of it and saves itself.
        executor: ``local`` runs the jobs on this machine, without SLURM, to try things out.

    Source: Incandela, Rapin et al., "submitit", https://github.com/facebookincubator/submitit.
    """

    def __init__(
        self,
        count: int,
        application: ByName,
        partition: str | None = None,
        account: str | None = None,
        qos: str | None = None,
        time: Annotated[int, Gt(0)] = 60,
        gres: str | None = None,
        cpus: Annotated[int, Gt(0)] = 1,
        mem: str | None = None,
        additional: Mapping[str, Any] | None = None,
        warning: Annotated[int, Gt(0)] = 90,
        executor: Literal["slurm", "local"] = "slurm",
    ) -> None:
        super().__init__(count, application)
        given = {"partition": partition, "account": account, "qos": qos, "gres": gres, "mem": mem}
        self._options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        self._options |= {"cpus_per_task": cpus, "time": time, "signal_delay_s": warning}
        self._options |= {"additional_parameters": dict(additional)} if additional else {}
        self.executor = executor

    def check(self) -> None:
        """Whether submitit is installed, and SLURM is here."""
        if importlib.util.find_spec("submitit") is None:
            raise ConfigError("hydra/launcher=slurm: submitit is not installed: pip install 'runner[slurm]'.")
        if self.executor == "slurm" and shutil.which("sbatch") is None:
            raise ConfigError(
                "hydra/launcher=slurm: there is no sbatch on this machine. Start the sweep on a login node of the "
                "cluster, or try it here with hydra.launcher.executor=local."
            )

    def open(self, folder: Path) -> None:
        """Note under which name jobs are handed over, before the first is."""
        super().open(folder)
        import submitit

        place = folder / PLACE
        place.mkdir(exist_ok=True)
        self._record, name = place / RECORD, f"runner-{self._token}"
        files = place / self._token  # answers are pickles: none can lie there that came with the sweep's folder
        self._note({"name": name, "executor": self.executor})
        if self.executor == "local":
            self._executor: Any = submitit.LocalExecutor(files, max_num_timeout=1000)
            limits = {"timeout_min": self._options["time"], "signal_delay_s": self._options["signal_delay_s"]}
            self._executor.update_parameters(**limits, stderr_to_stdout=True)
        else:
            self._executor = submitit.SlurmExecutor(files, max_num_timeout=1000)
            self._executor.update_parameters(job_name=name, ntasks_per_node=1, stderr_to_stdout=True, **self._options)
        self._looked = 0.0

    def _note(self, line: Mapping[str, Any]) -> None:
        with open(self._record, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _submit(self, work: Work) -> Any:
        handle = self._executor.submit(Requeued(work))
        self._note({"job": handle.job_id})
        return handle

    def _ended(self, handles: Mapping[int, Any], seconds: float) -> dict[int, Answer | str]:
        pause = min(seconds, 0.1) if self.executor == "local" else max(seconds, LOOK)
        time.sleep(pause)
        found: dict[int, Answer | str] = {}
        for number, handle in handles.items():
            if not handle.done():
                continue
            if handle.paths.result_pickle.exists():
                outcome, value = handle._get_outcome_and_result()
                last = str(value).strip().rpartition("\n")[2]
                found[number] = value if outcome == "success" else Answer("raised", None, last, 0.0)
                for file in (handle.paths.result_pickle, handle.paths.submitted_pickle):
                    file.unlink(missing_ok=True)
            else:
                found[number] = f"its job {handle.job_id} was lost ({handle.state})"
        return found

    def _kill(self, handle: Any) -> None:
        if self.executor == "local":
            _kill_processes(self._record.parent, handle.job_id)
        else:
            handle.cancel(check=False)

    def _shut(self) -> None:
        self._record.unlink(missing_ok=True)  # nothing was left behind


@dataclass(frozen=True)
class Requeued:
    """A job that submitit puts back into the queue when SLURM wants its machine.

    Args:
        work: what is to be done.
    """

    work: Work

    def __call__(self) -> Answer:
        """Do it. A run that can save itself does so when it is warned, and only then gives the machine back."""
        if self.work.function is not run_trial:
            return self.work()
        number = signal.SIGUSR2
        requeue, warned = signal.getsignal(number), []

        def hear(number: int, frame: FrameType | None) -> None:
            protocol = getattr(self.work.application.load().task, "sweep_protocol", None)
            holder = Lock(self.work.folder / "run.lock").holder
            if protocol is None or holder != this_process():  # nothing that could be asked to save itself
                requeue(number, frame)  # type: ignore[operator,misc]
            warned.append(number)
            StopRequest("its machine is wanted", "interrupted", holder).put(self.work.folder)

        signal.signal(number, hear)
        try:
            answer = self.work()
        finally:
            signal.signal(number, requeue)
        if warned and read_result(self.work.folder).get("status") == "interrupted":
            requeue(number, None)  # type: ignore[operator,misc]  # does not come back
        return answer

    def checkpoint(self) -> Any:
        """What is done next time, for submitit: the same, from the trial's checkpoint."""
        from submitit.helpers import DelayedSubmission

        work = self.work
        if work.function is run_trial:
            work = replace(work, args=(*work.args[:-1], True))
        return DelayedSubmission(Requeued(work))


def cancel_left(folder: Path) -> bool:
    """End the jobs that an earlier start of a sweep left in the queue or at work; gives whether it had handed any over.

    Args:
        folder: the sweep's, locked by this process.

    Raises:
        RunFailed: SLURM did not take it.
    """
    record = folder / PLACE / RECORD
    if not record.exists():
        return False
    for line in record.read_text(encoding="utf-8").splitlines():
        with suppress(ValueError):  # torn by a crash
            name, executor = json.loads(line).get("name"), json.loads(line).get("executor")
            if executor == "slurm" and NAME.fullmatch(str(name)):  # a folder from somebody else could name any job
                _cancel(name)
    _kill_processes(record.parent)
    record.unlink()
    return True


def _cancel(name: str) -> None:
    """Cancel jobs by their name: so those are known too that were handed over just before their driver died."""
    try:
        done = subprocess.run(["scancel", f"--name={name}"], capture_output=True, text=True, check=False, timeout=120)
        problem = done.stderr.strip() if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    if problem:
        raise RunFailed(
            f"The jobs that an earlier start of this sweep handed to SLURM ({name}) can't be cancelled: {problem}. "
            "Give the same command where scancel works."
        )


def _kill_processes(place: Path, job: str | None = None) -> None:
    """Kill processes of submitit's local executor on this machine.

    Args:
        place: the folder in which the one lies that they were given, which no others have.
        job: of which job, the number of the process that controls it; None: all.
    """
    for module in ("submitit.local._local", "submitit.core._submit"):  # what would start the job anew, and the job
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command, environment = ((entry / name).read_bytes().split(b"\0") for name in ("cmdline", "environ"))
                given = any(word.startswith(os.fsencode(place) + b"/") for word in command)
                if module.encode() not in command or not given:
                    continue
                if job is None or entry.name == job or f"SUBMITIT_LOCAL_JOB_ID={job}".encode() in environment:
                    os.kill(int(entry.name), signal.SIGKILL)
