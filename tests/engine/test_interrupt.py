from __future__ import annotations

import os
import signal

import pytest

from runner.engine.interrupt import Interrupt


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_stops_at_once_but_not_in_a_sweeps_worker(monkeypatch, first):
    with Interrupt() as interrupt:
        os.kill(os.getpid(), first)
        assert interrupt.requested == first.name
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    monkeypatch.setattr(Interrupt, "second_stops", False)
    with Interrupt() as interrupt:
        for number in (first, signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
        assert interrupt.requested == first.name
