"""Processes of networks: they end when they should, and say why where they should not have."""

import os
import signal
import subprocess
import sys
import time

import pytest

from runner.deploy.benchmark.worker import Gone, Refused, Worker


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone_soon(pid):
    for _ in range(200):
        if not alive(pid):
            return True
        time.sleep(0.05)
    return False


LOAD = {"batches": None, "format": "onnx", "sizes": [1], "threads": 1, "device": "cpu", "trusted": None}


def test_what_can_not_be_done_is_refused_and_a_crash_is_told_from_a_hang(tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    with Worker(1, limit=120) as worker:
        with pytest.raises(Refused, match=r"broken.onnx|onnxruntime"):
            worker.ask("load", path=str(tmp_path / "broken.onnx"), **LOAD)
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(Gone, match="ended by SIGKILL, as the system does where memory is short"):
            worker.ask("warm", size=1)
        with pytest.raises(Gone):
            worker.ask("warm", size=1)
        assert not alive(worker.pid)
    with Worker(1, limit=0.5) as worker:
        os.kill(worker.pid, signal.SIGSTOP)
        with pytest.raises(Gone, match=r"no answer within 0\.5 s"):
            worker.ask("warm", size=1)
        assert not alive(worker.pid)


def test_what_a_process_said_last_is_told():
    with Worker(1, limit=120) as worker:
        worker._process.stdin.write(b"no request\n")
        worker._process.stdin.flush()
        with pytest.raises(Gone, match=r"ended with status 1: json\.decoder\.JSONDecodeError"):
            worker._line(120)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda n: n.name)
def test_a_process_ends_with_that_which_asked_it(number):
    text = (
        "import time\nfrom runner.deploy.benchmark.worker import Worker\n"
        "w = Worker(1)\nprint(w.pid, flush=True)\ntime.sleep(600)\n"
    )
    asking = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    pid = int(asking.stdout.readline())
    assert alive(pid)
    asking.send_signal(number)
    asking.wait(60)
    asking.stdout.close()
    assert gone_soon(pid)
