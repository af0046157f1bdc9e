"""Files that a graph is written as, one function each."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from runner.deploy.graph import refused, silent
from runner.deploy.recurrent import onnx_layers, shapes_of_recurrent_layers
from runner.errors import ConfigError
from runner.model.exported.aot import distutils_as_they_are
from runner.model.exported.network import Format

if TYPE_CHECKING:
    from runner.deploy.graph import Graph

OPSET = 20
_LARGEST = 2**31  # bytes of a message of protobuf


def onnx(graph: Graph) -> bytes:
    """An ONNX file of opset `OPSET`, by torch's exporter.

    Raises:
        ConfigError: the exporter has no such operation, or is not installed.
    """
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise ConfigError("--format onnx: needs ONNX: pip install 'runner[deploy]'.") from None
    program = graph.program()
    if sum(tensor.nbytes for tensor in program.state_dict.values()) >= _LARGEST:
        raise ConfigError("--format onnx: a file holds less than 2 GiB, and these weights are more. Take another one.")
    with silent(), shapes_of_recurrent_layers():
        try:
            made = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=OPSET,
                external_data=False,
                verbose=False,
                input_names=list(graph.names),
                output_names=list(graph.outputs),
                dynamic_shapes=(graph.free,),
                custom_translation_table=onnx_layers(),
            )
        except Exception as error:  # of the exporter, of many kinds
            raise refused(error) from error
    assert made is not None
    content: bytes = made.model_proto.SerializeToString()
    return content


def program(graph: Graph) -> bytes:
    """A ``.pt2`` file of `torch.export.save`: a graph of torch's operations and the weights."""
    buffer = io.BytesIO()
    with silent():
        torch.export.save(graph.program(), buffer)
    return buffer.getvalue()


def aot(graph: Graph) -> bytes:
    """A ``.pt2`` package of AOTInductor: machine code for processors like this one.

    Raises:
        ConfigError: there is no C++ compiler, or it can't be compiled.
    """
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    with silent(), distutils_as_they_are():
        try:
            get_cpp_compiler()
        except InvalidCxxCompiler:
            raise ConfigError(
                "--format aot: needs a C++ compiler, and none is here. Install g++, or take --format program, which "
                "needs none."
            ) from None
        made = graph.program()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.pt2"
            try:
                torch._inductor.aoti_compile_and_package(made, package_path=str(path))
            except Exception as error:  # of the compiler, of many kinds
                raise refused(error) from error
            return path.read_bytes()


def torchscript(graph: Graph) -> bytes:
    """A file of `torch.jit.save`, traced. Deprecated by torch, but what older programs in C++ load."""
    graph.program()  # a trace would take either way of a decision for the only one, and say nothing
    with silent():
        try:
            traced = torch.jit.trace(graph.module, graph.given, check_trace=False)
            buffer = io.BytesIO()
            torch.jit.save(traced, buffer)
        except Exception as error:  # of many kinds
            raise refused(error) from error
    return buffer.getvalue()


# What writes a format, and what its file is called.
WRITERS: dict[Format, tuple[Callable[[Graph], bytes], str]] = {
    "onnx": (onnx, "model.onnx"),
    "program": (program, "model.pt2"),
    "aot": (aot, "model.pt2"),
    "torchscript": (torchscript, "model.pt"),
}
