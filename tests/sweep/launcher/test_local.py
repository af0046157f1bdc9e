from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from runner.sweep.launcher.local import LocalLauncher, cores, gpus


def setup():
    return os.getpid()


def add(state, a, b):
    return a + b, state


def act(state, what, path=None):
    if what == "raise":
        raise ValueError("no\n  way")
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "exit":
        os._exit(7)
    if what == "sleep":
        time.sleep(100)
    if what == "save":
        signal.signal(signal.SIGTERM, lambda *_: Path(path).write_text("saved"))
        Path(path).with_suffix(".ready").touch()
        signal.pause()
        return "saved"
    if what == "threads":
        return os.environ["OMP_NUM_THREADS"]
    return None


@pytest.fixture
def workers(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    pool = LocalLauncher(2, setup, [])
    yield pool
    pool.close()


def outcomes(workers, count):
    found = []
    until = time.monotonic() + 20
    while len(found) < count and time.monotonic() < until:
        found += workers.wait(1.0)
    return {o.job: o for o in found}


def test_processes_stay_warm(workers):
    for job in range(6):
        while not workers.idle:
            workers.wait(1.0)
        workers.start(job, add, job, 1)
    assert len(workers.jobs) <= 2
    first = outcomes(workers, len(workers.jobs))
    workers.start(9, add, 1, 2)
    again = outcomes(workers, 1)[9]
    assert again.value[0] == 3
    assert again.value[1] in {o.value[1] for o in first.values()} | {again.value[1]}


def test_what_goes_wrong_takes_only_its_job(workers):
    expected = {
        "raise": ("raised", "ValueError: no way"),
        "die": ("died", "the worker was ended by SIGKILL (out of memory is the usual reason)"),
        "exit": ("died", "the worker ended with exit status 7"),
    }
    for job, what in enumerate(expected):
        workers.start(job, act, what)
        workers.start(100 + job, add, 1, 1)
        ended = outcomes(workers, 2)
        assert (ended[job].kind, ended[job].cause) == expected[what]
        assert ended[100 + job].value[0] == 2
    assert workers.idle == 2


def test_a_hanging_job_is_killed_in_time(workers):
    start = time.monotonic()
    workers.start(0, act, "sleep", timeout=0.3)
    ended = outcomes(workers, 1)[0]
    assert (ended.kind, ended.cause) == ("timeout", "timeout: not done after 0.3 s")
    assert 0.3 <= ended.seconds <= time.monotonic() - start < 60  # not the 100 s that it sleeps


def test_a_worker_killed_while_idle_is_replaced(workers):
    for worker in workers._workers:
        worker.process.kill()
        worker.process.join()
    workers.start(0, add, 2, 2)
    assert outcomes(workers, 1)[0].value[0] == 4


def test_jobs_may_save_themselves_before_the_end(workers, tmp_path):
    workers.start(0, act, "save", str(tmp_path / "state"))
    workers.start(1, act, "sleep")
    while not (tmp_path / "state.ready").exists():
        time.sleep(0.01)
    time.sleep(0.1)
    ended = workers.close(grace=10)
    assert [(o.job, o.value) for o in ended] == [(0, "saved")]
    assert (tmp_path / "state").read_text() == "saved"


def test_threads_are_shared(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    pool = LocalLauncher(1, setup, [])
    share = str(cores())
    pool.start(0, act, "threads")
    got = outcomes(pool, 1)[0].value
    pool.close()
    assert got == share
    assert "OMP_NUM_THREADS" not in os.environ


def test_visible_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-abc")
    assert gpus() == ["3", "GPU-abc"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert gpus() == []


def test_workers_end_with_their_driver(tmp_path):
    script = tmp_path / "driver.py"
    script.write_text(
        textwrap.dedent("""
        import os, sys, time
        from runner.sweep.launcher.local import LocalLauncher
        def setup(): return None
        def busy(state, path):
            open(path, "w").write(str(os.getpid()))
            while True: pass
        if __name__ == "__main__":
            pool = LocalLauncher(2, setup, [])
            for job in range(2): pool.start(job, busy, sys.argv[1] + str(job))
            print("up", flush=True)
            time.sleep(100)
        """)
    )
    driver = subprocess.Popen([sys.executable, str(script), str(tmp_path / "pid")], stdout=subprocess.PIPE)
    driver.stdout.readline()
    files = [tmp_path / "pid0", tmp_path / "pid1"]
    until = time.monotonic() + 10
    while not all(f.exists() and f.read_text() for f in files) and time.monotonic() < until:
        time.sleep(0.02)
    pids = [int(f.read_text()) for f in files]
    driver.kill()
    driver.wait()
    until = time.monotonic() + 5
    while any(running(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(running(pid) for pid in pids)


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
