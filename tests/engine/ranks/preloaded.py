"""What the fork server imports once for all processes."""

import torch
import torch._dynamo
import torch.distributed.fsdp

import runner.config.build
import runner.engine.ranks.ddp
import runner.evaluation.evaluation
import runner.run.assembly
import runner.run.training
import tests.composed

__all__ = ["runner", "tests", "torch"]
