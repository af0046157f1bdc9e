"""Imported by fork servers: what every command does first is done once for all processes that they fork."""

from runner.config.check import check_run
from runner.config.compose import Command, compose_run
from tests.composing import compose_faster

compose_faster()
check_run(compose_run(Command(["data=iris"])))
