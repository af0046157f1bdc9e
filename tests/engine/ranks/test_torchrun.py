"""Through torchrun, as a user starts it: processes that are killed or stopped, two nodes, and what is refused."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from runner.cli.verbs import answer

BOUND = 90.0
RUN = ("data=iris", "model.hidden=[8]", "data.batch_size=12", "trainer.threads=1", "trainer.images=0")
ENDLESS = (*RUN, "trainer.max_epochs=100000", "trainer.checkpoint.every_seconds=0.05", "trainer.evaluation=off")


def torchrun(*flags):
    return [sys.executable, "-m", "torch.distributed.run", *flags, "-m", "runner"]


@contextmanager
def started(folder, *words, flags=("--nproc-per-node=2",)):
    """A run under way; whatever happens, nothing of it is left."""
    with open(folder / "said.txt", "w+") as said:
        process = subprocess.Popen(
            [*torchrun(*flags), *words], cwd=folder, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield process
        finally:
            for number in children(process):  # in sessions of their own, and one may be asleep
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(BOUND)


def children(process):
    """Processes that torchrun has started; none where it has ended."""
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    return []


def ranks_of(process):
    """Process numbers by rank."""
    environments = {child: Path(f"/proc/{child}/environ").read_bytes().split(b"\0") for child in children(process)}
    return {int(e[5:]): number for number, words in environments.items() for e in words if e.startswith(b"RANK=")}


def wait_for(path):
    end = time.monotonic() + BOUND
    while not path.exists():
        assert time.monotonic() < end, f"no {path.name}"
        time.sleep(0.05)


def result(folder):
    return json.loads((folder / "run/result.json").read_text())


def is_running(number):
    with suppress(OSError):
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.slow
def test_a_killed_rank_ends_the_others_with_the_cause_and_the_run_goes_on(tmp_path, monkeypatch):
    with started(tmp_path, *ENDLESS, "hydra.run.dir=run", flags=("--nproc-per-node=4",)) as process:
        wait_for(tmp_path / "run/checkpoints/last.pt")
        wait_for(tmp_path / "run/metrics.jsonl")
        ranks = ranks_of(process)
        os.kill(ranks[2], signal.SIGKILL)
        assert process.wait(BOUND) == 1
        assert not any(is_running(number) for number in ranks.values())
    cause = "rank 2 is gone (killed?); what was saved before stays."
    assert (result(tmp_path)["status"], result(tmp_path)["cause"]) == ("failed", cause)
    said = (tmp_path / "said.txt").read_text()
    assert said.count(f"error: {cause}") == 1
    step = json.loads((tmp_path / "run/metrics.jsonl").read_text().splitlines()[-1])["step"]
    monkeypatch.chdir(tmp_path)
    assert answer(["resume", "run", f"trainer.max_steps={step + 5}"]) == 0
    assert (result(tmp_path)["status"], result(tmp_path)["step"]) == ("completed", step + 5)


@pytest.mark.slow
def test_a_rank_that_does_not_answer_ends_the_others_in_time(tmp_path):
    with started(tmp_path, *ENDLESS, "hydra.run.dir=run", "trainer.collective_timeout=3") as process:
        wait_for(tmp_path / "run/checkpoints/last.pt")
        os.kill(ranks_of(process)[1], signal.SIGSTOP)
        wait_for(tmp_path / "run/result.json")  # torchrun itself waits 30 seconds more for the one that sleeps
    assert result(tmp_path)["cause"] == "rank 1 is gone (no answer in time); what was saved before stays."


@pytest.mark.slow
def test_ctrl_c_saves_once_and_the_run_goes_on(tmp_path):
    with started(tmp_path, *ENDLESS, "hydra.run.dir=run") as process:
        wait_for(tmp_path / "run/checkpoints/last.pt")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        process.wait(BOUND)
    assert (result(tmp_path)["status"], result(tmp_path)["cause"]) == ("interrupted", "SIGINT")
    said = (tmp_path / "said.txt").read_text()
    assert said.count("the state is saved. Continue with:") == 1
    assert "torchrun --nproc-per-node=2 -m runner resume run" in said


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.slow
def test_two_nodes_meet_and_give_the_losses_of_one_process(tmp_path, one, rows):
    port = free_port()
    words = (*RUN, "trainer.max_epochs=3", "hydra.run.dir=run")
    node = ("--nnodes=2", "--nproc-per-node=1", "--rdzv-id=test", "--rdzv-backend=c10d")
    node = (*node, f"--rdzv-endpoint=127.0.0.1:{port}")
    with started(tmp_path, *words, flags=node) as first, started(tmp_path, *words, flags=node) as second:
        assert (first.wait(BOUND), second.wait(BOUND)) == (0, 0)
    assert one.train(tmp_path / "one", *RUN, "trainer.max_epochs=3")[0].error is None
    ours, theirs = rows(tmp_path / "run"), rows(tmp_path / "one")
    assert [row["val/loss"] for row in ours] == pytest.approx([row["val/loss"] for row in theirs], rel=5e-6)
    assert json.loads((tmp_path / "run/manifest.json").read_text())["strategy"] == {"name": "ddp", "processes": 2}


@pytest.mark.parametrize("value", ["ddp", "single,fsdp"])
def test_trials_of_a_sweep_are_of_one_process(value, tmp_path, monkeypatch, capsys):
    from runner.cli.verbs import answer

    monkeypatch.chdir(tmp_path)
    assert answer(["--multirun", "data=iris", "optimizer=sgd,adam", f"trainer.strategy={value}"]) == 2
    assert f"trainer.strategy={value}: a trial of a sweep is one process" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def as_rank(monkeypatch):
    """As if torchrun had started this process as one of two."""

    def be(rank):
        named = {"RANK": rank, "WORLD_SIZE": 2, "LOCAL_RANK": rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": 1}
        for name, value in named.items():
            monkeypatch.setenv(name, str(value))

    return be


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["list"], "list: is done by one process, and 2 were started. Leave torchrun out"),
        (["evaluate", "run", "--checkpoint", "last"], "evaluate: is done by one process"),
        (["--multirun", "optimizer=sgd,adam"], "--multirun: a sweep starts processes of its own"),
        (["trainer.strategy=single"], "trainer.strategy=single: is of one process, and 2 were started"),
        (["optimizer.lr=nonsense"], "optimizer.lr=nonsense"),
    ],
)
def test_a_wrong_command_is_told_by_the_first_rank_alone(words, message, as_rank, tmp_path, monkeypatch, capsys):
    from runner.cli import together
    from runner.cli.verbs import answer

    monkeypatch.chdir(tmp_path)
    as_rank(0)
    assert answer(words) == 2
    assert message in capsys.readouterr().err
    waited = []
    monkeypatch.setattr(together.time, "sleep", waited.append)
    as_rank(1)
    assert answer(words) == 2
    assert waited == [together._PATIENCE]  # the launcher ends it before, where the first rank told it
    assert list(tmp_path.iterdir()) == []
