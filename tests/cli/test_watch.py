"""What is under way as its folders tell it: runs and sweeps of known content, real ones, and real terminals."""

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest
import yaml

from runner.analysis.under_way import places
from runner.analysis.under_way.run import RunUnderWay
from runner.analysis.under_way.sweep import SweepUnderWay
from runner.cli.tables import console
from runner.cli.watch import Screen
from runner.record.lock import Lock
from runner.sweep.listing import summaries
from tests.trust.test_folders import SWEEP
from tests.trust.test_reading import snapshot

LOSSES = [4.0, 2.0, 1.0, 0.5, None, 0.75]


@pytest.fixture
def run(few_runs, tmp_path):
    """A run of six of twenty epochs, two seconds each; nobody is at work on it."""
    folder = tmp_path / "outputs/runs/mine"
    shutil.copytree(few_runs / "adam", folder)
    (folder / "result.json").unlink()
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"status": "running"}))
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["trainer"] |= {"max_epochs": 20}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    rows = [
        {"epoch": i, "step": 3 * i, "time": 2.0 * i, "train/loss": 9.0, "val/loss": loss, "val/accuracy": 0.25}
        for i, loss in enumerate(LOSSES, start=1)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def hold():
    """Take locks, and let go of them: at the latest at the end."""
    held = []

    def take(path):
        lock = Lock(path)
        assert lock.take() is None
        held.append(lock)
        return lock

    yield take
    for lock in held:
        lock.release()


def cut_off(lock):
    """Leave a lock as a process leaves it that is killed."""
    os.close(os.dup(lock._file.fileno()))
    lock._file.close()
    lock._file = None


def seen(root, width=120, height=None, screen=None):
    return [line.plain for line in (screen or Screen(root, console())).lines(width, height)]


def test_a_run(run, hold, tmp_path):
    hold(run / "run.lock")
    os.utime(run / "metrics.jsonl")
    before = snapshot(tmp_path)
    head, _, title, scores = seen(tmp_path / "outputs")
    assert snapshot(tmp_path) == before
    assert "1 under way, 1 runs and sweeps there" in head
    assert title.split() == ["runs/mine", "running", "epoch", "6/20", title.split()[-3], "s", "left"]
    assert 24 <= int(title.split()[-3]) <= 28  # fourteen epochs of two seconds
    assert "train/loss 9.0000  val/loss 0.7500 (best 0.5000) " in scores
    assert "val/accuracy 0.2500" in scores
    assert "48 samples/s" in scores  # 3 updates of 32 in 2 s
    curve = scores.partition("(best 0.5000) ")[2].partition("  val/acc")[0]
    assert curve == "██▃▁ ▂"  # from 0.5 to 2, the worst fifth of five being 4 alone


def test_limits_by_steps_and_by_time(run, hold):
    text = (run / "config.yaml").read_text()
    hold(run / "run.lock")
    for limits, length, left in [
        ("max_steps: 30", ("step", 18, 30), 8.0),
        ("max_time: 15", ("epoch", 6, 20), 3.0),
    ]:
        name = limits.partition(":")[0]
        (run / "config.yaml").write_text(text.replace(f"{name}: null", limits))
        watched = RunUnderWay(run)
        watched.look()
        assert watched.length == length
        assert watched.seconds_left(watched._told) == pytest.approx(left)
        assert watched.seconds_left(watched._told + 1000) == 0


def test_it_is_followed_and_its_end_is_shown(run, hold, tmp_path):
    lock, screen = hold(run / "run.lock"), Screen(tmp_path / "outputs", console())
    assert "epoch 6/20" in seen(None, screen=screen)[2]
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"epoch": 7, "step": 21, "time": 14.0, "val/loss": 0.25}\n{"epoch": 8, "st')
    told = seen(None, screen=screen)
    assert "epoch 7/20" in told[2]
    assert "val/loss 0.2500 (best 0.2500)" in told[3]
    (run / "metrics.jsonl").write_text("")  # it was resumed from its start
    assert "epoch 0/20" in seen(None, screen=screen)[2]
    (run / "result.json").write_text('{"status": "failed", "cause": "no\\u001b[2J memory\\nleft"}')
    lock.release()
    told = seen(None, screen=screen)
    assert "nothing is under way" in told[0]
    assert "failed" in told[2]
    assert "no\\x1b[2J memory\\nleft" in told[-1]
    lock = hold(run / "run.lock")
    assert "running" in seen(None, screen=screen)[2]
    shutil.rmtree(run)
    assert len(seen(None, screen=screen)) == 1


def test_one_whose_process_is_gone_is_interrupted(run, hold, tmp_path):
    lock, screen = hold(run / "run.lock"), Screen(tmp_path / "outputs", console())
    assert "running" in seen(None, screen=screen)[2]
    cut_off(lock)
    for told in (seen(None, screen=screen), seen(tmp_path / "outputs")):
        assert "nothing is under way" in told[0]
        assert "interrupted  epoch 6/20" in told[2]
        assert "left" not in told[2]
    long_ago = time.time() - 25 * 3600
    os.utime(run / "run.lock", (long_ago, long_ago))
    assert len(seen(tmp_path / "outputs")) == 1


@pytest.mark.parametrize("name", ["manifest.json", "config.yaml", "metrics.jsonl"])
@pytest.mark.parametrize(
    "content", [b"", b'{"a": ', b"[1]", b"\xff\xfe\x00", b'{"data": 1, "epoch": [], "step": "x"}\n']
)
def test_damaged_and_half_written_files(run, hold, tmp_path, name, content):
    hold(run / "run.lock")
    (run / name).write_bytes(content)
    told = seen(tmp_path / "outputs", width=70)
    assert "running" in told[2]
    (run / name).unlink()
    os.mkfifo(run / name)
    assert "running" in seen(tmp_path / "outputs")[2]
    (run / name).unlink()
    assert "running" in seen(tmp_path / "outputs")[2]


@pytest.mark.parametrize("width", [20, 60, 80, 120, 200])
def test_it_fits_the_terminal(run, sweep, hold, tmp_path, width):
    hold(run / "run.lock")
    hold(sweep / "driver.lock")
    lines = seen(tmp_path / "outputs", width)
    assert max(map(len, lines)) <= width
    said = " ".join(" ".join(lines).split())
    for part in ("epoch 6/20", "val/accuracy 0.2500", "2/6 trials") if width >= 60 else ():
        assert part in said
    for height in (1, 2, 5, 8):
        assert len(seen(tmp_path / "outputs", width, height)) <= height


def test_where_letters_are_few(run, hold, tmp_path, monkeypatch):
    other = run.with_name("größe-漢\nname")
    run.rename(other)
    hold(other / "run.lock")
    screen = Screen(tmp_path / "outputs", console())
    assert "runs/größe-漢\\nname" in "\n".join(seen(None, screen=screen))
    screen.encoding, screen.ascii = "ascii", True
    said = "\n".join(seen(None, 60, screen=screen))
    assert said.isascii()
    assert "##-_ ." in said
    assert "runs/gr\\xf6\\xdfe-\\u6f22\\nname" in "\n".join(seen(None, 100, screen=screen))


def test_a_thousand_that_have_ended_are_not_read_again(run, hold, tmp_path, monkeypatch):
    for number in range(1000):
        (tmp_path / f"outputs/runs/old/{number}").mkdir(parents=True)
        (tmp_path / f"outputs/runs/old/{number}/run.lock").touch()
    hold(run / "run.lock")
    looked, look = [], places._look_at
    monkeypatch.setattr(places, "_look_at", lambda path, named: looked.append(path) or look(path, named))
    found = places.Places(tmp_path)
    assert [place.path for place in found.look()] == [run]
    assert (len(found), len(looked)) == (1001, 1001)
    assert [place.path for place in found.look()] == [run]
    assert len(looked) == 1002
    again = hold(tmp_path / "outputs/runs/old/500/run.lock")  # one of them goes on
    assert {place.path for place in found.look()} == {run, again.path.parent}
    new = tmp_path / "outputs/sweeps/new"
    new.mkdir(parents=True)
    found.look()
    hold(new / "driver.lock")
    assert {(place.path, place.kind) for place in found.look()} >= {(new, "sweep")}


@pytest.fixture
def sweep(tmp_path):
    """Six trials of two points: one completed, one failed, two running, since ten seconds with three workers."""
    folder, now = tmp_path / "outputs/sweeps/s", time.time()
    settings = {**SWEEP, "repeats": 3, "objectives": ["val/loss"], "directions": ["minimize"]}
    (folder / "trials").mkdir(parents=True)
    (folder / "sweep.yaml").write_text(yaml.safe_dump(settings))
    (folder / "driver.json").write_text(json.dumps({"started": now - 10, "workers": 3, "trials": 6}))
    for number, (status, values) in enumerate(
        [("completed", [0.5]), ("failed", None), ("running", None), ("running", None)]
    ):
        record = {"number": number, "point": number // 3, "index": 0, "repeat": number % 3, "params": {"lr": "0.1"}}
        record |= {"overrides": [], "folder": "x", "config": {}, "status": status, "values": values}
        record |= {"seconds": 0.0 if status == "running" else 4.0, "started": now - 5, "ended": None}
        record |= {"ended": now - 5} if status != "running" else {}
        (folder / f"trials/{number:04d}").mkdir()
        (folder / f"trials/{number:04d}/trial.json").write_text(json.dumps(record))
    return folder


def test_a_sweep(sweep, hold, tmp_path):
    lock = hold(sweep / "driver.lock")
    watched = SweepUnderWay(sweep)
    watched.look()
    now = watched.start["started"] + 10
    assert (watched.ended, watched.total, watched.workers, len(watched.running)) == (2, 6, 3, 2)
    assert watched.utilization(now) == pytest.approx((4 + 4 + 5 + 5) / 30)
    assert watched.seconds_left(now) == pytest.approx(2 * 4 / 3)
    said = "\n".join(seen(tmp_path / "outputs"))
    assert "running  2/6 trials  " in said
    assert "1 completed  1 failed  2 of 3 workers at work  busy 6" in said
    assert "trial 2  since 5 s  repeat 3 of 3  lr=0.1" in said
    assert "lr=0.1  1 run  val/loss 0.5000  1 failed" in said
    (sweep / "ablation.json").write_text(
        '{"score": "val/loss", "arms": {"lr=0.1": {"comparison": {"verdict": "worse"}}}}'
    )
    assert "lr=0.1  1 run  val/loss 0.5000  1 failed  worse" in "\n".join(seen(tmp_path / "outputs"))
    cut_off(lock)
    ablation = hold(sweep / "ablation.lock")
    assert "running  2/6 trials" in "\n".join(seen(tmp_path / "outputs"))
    ablation.release()
    said = "\n".join(seen(tmp_path / "outputs"))
    assert "interrupted  2/6 trials" in said
    assert "2 interrupted" in said
    assert "trial 2" not in said


@pytest.mark.parametrize("name", ["sweep.yaml", "driver.json", "ablation.json", "trials/0000/trial.json"])
@pytest.mark.parametrize(
    "content", [b"", b'{"a": ', b"[1]", b"\xff\xfe\x00", b'{"trials": [], "arms": [], "started": "x"}']
)
def test_damaged_files_of_a_sweep(sweep, hold, tmp_path, name, content):
    hold(sweep / "driver.lock")
    (sweep / name).write_bytes(content)
    assert "running" in "\n".join(seen(tmp_path / "outputs"))
    (sweep / name).unlink()
    os.mkfifo(sweep / name)
    assert "running" in "\n".join(seen(tmp_path / "outputs"))
    shutil.rmtree(sweep / "trials")
    assert "running" in "\n".join(seen(tmp_path / "outputs"))


def test_of_a_trial_that_is_continued_by_hand(run, sweep, hold, tmp_path):
    """Its process shares the sweep's lock, and no driver is at work."""
    trial = sweep / "trials/0000"
    shutil.copy(run / "config.yaml", trial)
    hold(trial / "run.lock")
    Lock(sweep / "driver.lock").take(shared=True)
    found = places.Places(tmp_path).look()
    assert [(place.path, place.kind) for place in found if place.holder] == [(trial, "run")]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nothing",), "there is no such folder"),
        ((".", "--every", "0"), "expected seconds, at least 0.1"),
        ((".", "--every=often"), "expected seconds, at least 0.1"),
        ((".", "other"), "not expected. Usage"),
        ((".", "--json"), "not known here. Usage"),
    ],
)
def test_what_is_refused(say, words, told):
    said = say("watch", *words)
    assert (said.code, said.out) == (2, "")
    assert told in said.err


def test_before_the_first_run(say):
    said = say("watch")
    assert (said.code, said.out[:30]) == (0, "outputs: nothing is under way,")


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, folder, *words, size=(30, 100), **environment):
        self.said = ""
        self.process, self.terminal = pty.fork()
        if not self.process:
            os.chdir(folder)
            os.environ.update({"TERM": "xterm", **environment})
            os.environ.pop("COLUMNS", None)
            os.execv(sys.executable, [sys.executable, "-m", "runner", *words])
        self.resize(*size)
        self.before = termios.tcgetattr(self.terminal)

    def resize(self, rows, columns):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, *texts, seconds=60):
        """Wait until all of these are said from here on."""
        self.said, end = "", time.monotonic() + seconds
        while not all(text in self.said for text in texts):
            assert time.monotonic() < end, self.said
            if select.select([self.terminal], [], [], 0.1)[0]:
                self.said += os.read(self.terminal, 1 << 16).decode(errors="replace")

    def end(self):
        """What it says until its end, and its exit status."""
        said = b""
        try:
            while found := os.read(self.terminal, 1 << 16):
                said += found
        except OSError:  # the other side is closed
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        self.after = termios.tcgetattr(self.terminal)
        os.close(self.terminal)
        return said.decode(), status


def test_on_a_terminal(run, hold, tmp_path):
    lock = hold(run / "run.lock")
    terminal = Terminal(tmp_path, "watch", "--every", "0.2")
    terminal.until("\x1b[?1049h", "runs/mine", "epoch 6/20", "█")
    echo = termios.tcgetattr(terminal.terminal)[3] & termios.ECHO
    terminal.resize(30, 60)
    terminal.until("epoch 6/20")
    assert not echo
    cut_off(lock)
    terminal.until("nothing is under way", "interrupted")
    os.write(terminal.terminal, b"xq")
    said, status = terminal.end()
    assert (status, "\x1b[?1049l" in said, "\x1b[?25h" in said) == (0, True, True)
    assert terminal.after[:4] == terminal.before[:4]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals(run, tmp_path, number, code):
    terminal = Terminal(tmp_path, "watch", PYTHONIOENCODING="ascii")
    terminal.until("nothing is under way")
    os.kill(terminal.process, number)
    said, status = terminal.end()
    assert status == code
    assert "\x1b[?1049l" in said
    assert "Traceback" not in said


def test_without_a_terminal_and_without_torch(run, hold, tmp_path):
    hold(run / "run.lock")
    program = (
        "import sys; from runner.cli.verbs import answer; code = answer(['watch', 'outputs']); "
        "print([name for name in ('torch', 'optuna', 'matplotlib', 'scipy') if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "running  epoch 6/20" in done.stdout
    assert done.stdout.endswith("\n[]\n")


@pytest.mark.slow
def test_a_real_sweep(tmp_path, start, say):
    quick = ("data=iris", "model.hidden=[8]", "trainer.threads=1", "trainer.images=0", "trainer.max_epochs=600")
    process = start(
        "--multirun", *quick, "seed=1,2,3,4,5", "hydra.sweeper.workers=2", "hydra.sweep.dir=outputs/sweeps/s"
    )
    said, until = "", time.monotonic() + 60
    while not ("2 of 2 workers at work" in said and "epoch" in said and "completed" in said):
        said = say("watch", "--once").out if (tmp_path / "outputs/sweeps/s/driver.json").exists() else ""
        assert time.monotonic() < until, said
        time.sleep(0.05)
    assert say("stop", "outputs/sweeps/s").code == 0
    assert process.wait(60) == 130
    watched = SweepUnderWay(tmp_path / "outputs/sweeps/s")
    watched.look()
    (summary,) = summaries(tmp_path / "outputs/sweeps")
    assert (watched.status, watched.counts) == ("interrupted", summary.statuses)
    assert watched.best[0].values == [pytest.approx(sum(summary.values) / len(summary.values))]
    assert "nothing is under way" in say("watch").out
