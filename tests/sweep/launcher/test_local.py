from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from runner.errors import RunFailed
from runner.sweep.launcher import zygote
from runner.sweep.launcher.local import THREADS, LocalLauncher, cores, gpus


def add(state, a, b):
    return state(a + b), os.getpid()


def act(state, what, path=None):
    if what == "raise":
        raise ValueError("no\n  way")
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "exit":
        os._exit(7)
    if what == "sleep":
        if path:
            Path(path).with_suffix(".ready").touch()
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
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)  # workers have what this process has
    pool = LocalLauncher(2, lambda value: value, [])  # what no other process could import
    yield pool
    pool.close()
    signal.signal(signal.SIGTERM, before)


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
    workers.start(0, add, 1, 1)
    os.kill(outcomes(workers, 1)[0].value[1], signal.SIGKILL)
    assert workers._workers[0].connection.poll(20)  # until all of its threads are gone
    workers.start(0, add, 2, 2)
    assert outcomes(workers, 1)[0].value[0] == 4


def test_answers_that_nobody_hears_any_more_are_no_failure(workers, capfd):
    workers.start(0, add, 1, 1)
    worker, zygote = workers._workers[0], workers._zygote
    assert worker.connection.poll(60)
    worker.connection.close()
    assert zygote.wait(worker.pid) == 0
    workers._workers = []
    with open(os.devnull) as file:
        socket.send_fds(zygote._socket, [b"!"], [file.fileno()])
    zygote._connection.send((100, "fork", 0))
    assert zygote._connection.poll(60)
    zygote._socket.close()
    zygote._connection.close()
    assert os.waitpid(zygote.pid, 0)[1] == 0
    assert "Traceback" not in capfd.readouterr().err


def test_jobs_may_save_themselves_before_the_end(workers, tmp_path):
    workers.start(0, act, "save", str(tmp_path / "state"))
    workers.start(1, act, "sleep", str(tmp_path / "asleep"))
    while not all((tmp_path / f"{name}.ready").exists() for name in ("state", "asleep")):
        time.sleep(0.01)
    time.sleep(0.1)
    ended = workers.close(grace=10)
    assert [(o.job, o.value) for o in ended] == [(0, "saved")]
    assert (tmp_path / "state").read_text() == "saved"


def test_threads_are_shared(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    pool = LocalLauncher(1, None, [])
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
        def busy(state, path):
            open(path, "w").write(str(os.getpid()))
            while True: pass
        if __name__ == "__main__":
            pool = LocalLauncher(2, None, [])
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


COMPUTES_BEFORE = """
import hydra, os, sys, threading, time, torch
torch.set_num_threads(2)

def compute():
    return float((torch.ones(600, 600) @ torch.ones(600, 600)).sqrt().sum())

compute()
assert len(os.listdir("/proc/self/task")) > 1  # OpenMP's pool
threading.Thread(target=time.sleep, args=(600,), daemon=True, name="ticker").start()
sys.stdout.write("half a line, ")

@hydra.main(version_base=None, config_path=None)
def app(cfg):
    assert torch.get_num_threads() == cfg.threads, torch.get_num_threads()
    return compute()

app()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "threads"), [(1, 2), (cores() + 1, 1)])
def test_an_application_that_has_computed_on_several_threads(tmp_path, workers, threads):
    (tmp_path / "app.py").write_text(COMPUTES_BEFORE)
    command = [sys.executable, "app.py", "-m", "hydra/sweeper=grid", "+x=1,2", f"+threads={threads}"]
    command += [f"hydra.sweeper.workers={workers}", "hydra.sweep.dir=sweep", "hydra.sweeper.plots=false"]
    env = {k: v for k, v in os.environ.items() if k not in THREADS}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "note: this application runs threads (ticker), and trials, which are forked from it" in done.stdout
    assert done.stdout.count("half a line") == 1
    assert "half a line" not in "".join(f.read_text() for f in tmp_path.glob("sweep/trials/*/output.log"))


def test_cuda_that_was_called_before_is_told_of(monkeypatch):
    assert not any("CUDA" in words for words in zygote.cautions())
    monkeypatch.setattr(zygote, "_cuda_in_use", lambda: True)
    assert any("called CUDA before its sweep began" in words for words in zygote.cautions())


def test_a_zygote_that_is_gone_is_one_sentence(workers):
    os.kill(workers._zygote.pid, signal.SIGKILL)
    with pytest.raises(RunFailed, match="The same command continues the sweep"):
        workers.start(0, add, 1, 1)


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def hears_ctrl_c(state):
    heard = []
    signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)
    return heard


def test_ctrl_c_is_the_drivers_also_where_a_job_listens_to_it(workers):
    workers.start(0, hears_ctrl_c)
    assert outcomes(workers, 1)[0].value == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux names the threads of a process")
def test_polars_before_a_sweep_is_told_of():
    code = "from runner.sweep.launcher.zygote import cautions as c; assert not c(); import polars; print(c()[0])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("this application imported polars before its sweep began")
