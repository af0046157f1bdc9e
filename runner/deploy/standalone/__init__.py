"""What stands beside an ONNX file so that raw files are predicted without runner: a graph, a description, a script."""

from runner.deploy.standalone.write import standalone

__all__ = ["standalone"]
