"""However one rank ends, all do, with one cause; and what is decided, is decided by all."""

import json
import os
from dataclasses import dataclass

import pytest

from tests.engine.ranks.test_losses import IRIS
from tests.engine.ranks.world import interrupted_after

RUN = (*IRIS, "data.batch_size=12", "trainer.log_every=2")


def result(folder):
    return json.loads((folder / "result.json").read_text())


def here():
    return int(os.environ["RANK"])


@dataclass(frozen=True)
class Breaks:
    """Before a run: let a rank do something in an update."""

    rank: int
    step: int
    how: str

    def __call__(self):
        from runner.engine.meter import Meter
        from runner.engine.step import Step

        apply, add = Step.apply, Meter.add

        def breaks(this, want_norm):
            if here() == self.rank and this.fit.state.step == self.step and self.how == "raise":
                raise OSError(28, "No space left on device")
            return apply(this, want_norm)

        def spoils(this, results, step=0):
            if here() == self.rank and step == self.step and self.how == "nan":
                results[0].loss = results[0].loss * float("nan")
            return add(this, results, step)

        Step.apply, Meter.add = breaks, spoils

        def undo():
            Step.apply, Meter.add = apply, add

        return undo


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
@pytest.mark.parametrize("rank", [0, 2])
def test_a_rank_that_fails_ends_all_with_its_cause(rank, strategy, four, tmp_path):
    more = ("trainer.checkpoint.every_seconds=0.001", f"trainer.strategy={strategy}")
    ranks = four.train(tmp_path / "run", *RUN, *more, more=Breaks(rank, 12, "raise"))
    cause = "OSError: [Errno 28] No space left on device"
    for number, other in enumerate(ranks):
        own = ("OSError", cause.partition(": ")[2])
        assert other.error == (own if number == rank else ("RankFailed", f"rank {rank} failed: {cause}"))
    told = result(tmp_path / "run")
    assert told["status"] == "failed"
    assert told["cause"] == (cause if rank == 0 else f"rank {rank} failed: {cause}")
    again = four.train(tmp_path / "run", resume=True)
    assert [other.error for other in again] == [None] * 4
    assert result(tmp_path / "run")["status"] == "completed"


def test_a_loss_that_is_no_number_on_one_rank_is_told_alike_by_all(two, tmp_path):
    ranks = two.train(tmp_path / "run", *RUN, more=Breaks(1, 7, "nan"))
    assert [rank.error for rank in ranks] == [("NonFinite", "non-finite loss at step 7")] * 2
    assert result(tmp_path / "run")["cause"] == "non-finite loss at step 7"


def test_a_signal_to_one_rank_saves_once_and_interrupts_all(two, tmp_path):
    ranks = two.train(tmp_path / "run", *RUN, more=interrupted_after(13))
    assert [rank.error[0] for rank in ranks] == ["Interrupted"] * 2
    assert (result(tmp_path / "run")["cause"], result(tmp_path / "run")["step"]) == (
        "SIGINT",
        15,
    )  # the next message tells of it


@dataclass(frozen=True)
class AskedToStop:
    """Before a run: somebody asks for its end, in the file that is for that."""

    folder: str

    def __call__(self):
        from runner.engine.step import Step

        apply = Step.apply

        def asks(this, want_norm):
            if here() == 0 and this.fit.state.step == 10:
                with open(f"{self.folder}/stop.json", "w") as file:
                    json.dump({"reason": "pruned by a test", "status": "pruned"}, file)
            return apply(this, want_norm)

        Step.apply = asks
        return lambda: setattr(Step, "apply", apply)


def test_a_pruned_run_ends_on_all_ranks(two, tmp_path):
    ranks = two.train(tmp_path / "run", *RUN, more=AskedToStop(str(tmp_path / "run")))
    assert [(rank.error, rank.result["status"]) for rank in ranks] == [(None, "pruned")] * 2
    assert (result(tmp_path / "run")["cause"], result(tmp_path / "run")["epochs"]) == ("pruned by a test", 2)


def test_early_stopping_and_the_limit_of_time_end_all_ranks(two, one, tmp_path, rows):
    stopping = ("regularization=[early_stopping]", "regularization.early_stopping.patience=1", "optimizer.lr=3")
    ranks = two.train(tmp_path / "two", *RUN, "trainer.max_epochs=20", *stopping)
    assert one.train(tmp_path / "one", *RUN, "trainer.max_epochs=20", *stopping)[0].error is None
    assert [rank.error for rank in ranks] == [None, None]
    assert len(rows(tmp_path / "two")) == len(rows(tmp_path / "one")) < 20
    ranks = two.train(tmp_path / "late", *RUN, "trainer.max_epochs=100000", "trainer.max_time=0.5")
    assert [(rank.error, rank.result["cause"]) for rank in ranks] == [(None, "max_time")] * 2


def overflows():
    """Before a run: let the loss of one rank overflow where its slope does not."""
    import torch

    from runner.engine.step import Step

    is_finite = Step._is_finite

    def is_not(this, norm):
        if here() == 1 and this.fit.state.step == 3:
            this.losses = [*this.losses, torch.tensor(float("inf"))]
        return is_finite(this, norm)

    Step._is_finite = is_not
    return lambda: setattr(Step, "_is_finite", is_finite)


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_an_update_that_is_left_out_is_left_out_by_all(strategy, two, tmp_path, rows):
    skip = ("trainer.on_nonfinite=skip", f"trainer.strategy={strategy}", "trainer.max_epochs=1")
    ranks = two.train(tmp_path / "run", *RUN, *skip, more=overflows)
    assert [rank.error for rank in ranks] == [None, None]
    assert ranks[0].weights == ranks[1].weights
    assert rows(tmp_path / "run")[-1]["skipped_steps"] == 1


@pytest.mark.parametrize(
    ("strategy", "overrides", "message"),
    [
        ("single", (), "is of one process, and 2 were started"),
        ("ddp", ("data.batch_size=1",), "2 processes share it. Give at least 2"),
        ("ddp", ("model.norm=batch", "data.batch_size=3"), "two examples in each. Give at least 4"),
        ("ddp", ("data=digits_stream",), "come as they come"),
        ("fsdp", ("trainer.histograms=1",), "not with trainer.histograms"),
        ("fsdp", ("trainer.precision=fp16",), "not with trainer.precision=fp16"),
        ("fsdp", ("optimizer=adafactor",), "can't update weights of which every process holds a part"),
        ("fsdp", ("regularization=[l2]",), "not with l2: it is a term of whole weights"),
    ],
)
def test_what_several_processes_can_not_do_is_refused(strategy, overrides, message, two, tmp_path):
    ranks = two.train(tmp_path / "run", *RUN, *overrides, f"trainer.strategy={strategy}")
    assert all(rank.error and rank.error[0] in ("ConfigError", "RankFailed") for rank in ranks)
    assert ranks[0].error[0] == "ConfigError" and message in ranks[0].error[1]
    assert not (tmp_path / "run/checkpoints/last.pt").exists()


@pytest.mark.parametrize("strategy", ["ddp", "fsdp", "dp"])
def test_one_process_is_told_how_several_are_started(strategy, one, tmp_path):
    (rank,) = one.train(tmp_path / "run", *RUN, f"trainer.strategy={strategy}")
    assert rank.error[0] == "ConfigError" and "torchrun --nproc-per-node=N -m runner" in rank.error[1]
