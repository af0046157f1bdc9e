"""ONNX files that compute with whole numbers of eight bits, by ONNX Runtime's quantizer."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.deploy.export import onnx
from runner.errors import ConfigError, counted

if TYPE_CHECKING:
    from runner.deploy.parent import Parent
    from runner.engine.batch import Batch

# Examples that ranges are taken from: the fewest, and how many where nothing else is said.
LEAST, EXAMPLES = 16, 256

# What is computed in int8 where ranges are known before, and what moves such numbers without a step back to float32.
_STATIC = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_MOVES = ("AveragePool", "Clip", "Flatten", "MaxPool", "Relu", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
# And where each range is found on the way. Convolutions are not: ONNX Runtime's are slower so than in float32.
_DYNAMIC = ("Gather", "Gemm", "LSTM", "MatMul")

Quantize = Callable[[str, str], None]


def dynamic(parent: Parent, dynamic_batch: bool) -> bytes:
    """An ONNX file with int8 weights in dense, lstm and embedding layers, whose inputs are rounded as they come.

    Weights are symmetric, with a scale for each row; the range of inputs is that of the batch. Convolutions stay as
    they are.

    Args:
        parent: whose network it is.
        dynamic_batch: take any number of examples at once; otherwise one.

    Raises:
        ConfigError: the network can't be exported, or has no such layer; ONNX Runtime is not installed.
    """
    quantization = _quantization()

    def quantize(source: str, target: str) -> None:
        quantization.quantize_dynamic(
            source, target, list(_DYNAMIC), per_channel=True, weight_type=quantization.QuantType.QInt8
        )

    return _quantized(parent, dynamic_batch, quantize, "dynamic")


def static(parent: Parent, dynamic_batch: bool, examples: int = EXAMPLES) -> bytes:
    """An ONNX file whose dense and convolutional layers compute in int8, with ranges found on training examples.

    Weights are int8 and symmetric, with a scale for each row; inputs are uint8 over the least and the largest that was
    seen. What moves numbers between two such layers moves whole ones.

    Args:
        parent: whose network it is.
        dynamic_batch: as of `dynamic`.
        examples: of the training part, from which ranges are taken; the same for the same parent.

    Raises:
        ConfigError: as of `dynamic`, or there are too few examples.

    Source: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", section 2.
    """
    quantization = _quantization()
    if examples < LEAST:
        raise ConfigError(_too_few(f"--examples {examples}", examples))
    batch = parent.data.train.sample(examples, parent.network.recipe.seed)
    if batch.examples < LEAST:
        raise ConfigError(_too_few("the training part of these data", batch.examples))
    parent.tell(f"Ranges are taken from {counted(batch.examples, 'training example')}.")

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc,name-defined]
        def __init__(self, source: str) -> None:
            self.feeds = _feeds(source, batch, 32 if dynamic_batch else 1)

        def get_next(self) -> dict[str, Any] | None:
            return next(self.feeds, None)

    def quantize(source: str, target: str) -> None:
        quantization.quantize_static(
            source,
            target,
            Reader(source),
            op_types_to_quantize=[*_STATIC, *_MOVES],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True},  # what two tokens have in common stays as it is
        )

    return _quantized(parent, dynamic_batch, quantize, "static")


def _too_few(what: str, number: int) -> str:
    return (
        f"{what}: the ranges of {counted(number, 'example')} say little of those of others, whose numbers would be cut "
        f"off. Expected at least {LEAST}; {EXAMPLES} are usual. --method dynamic and weight_only need none."
    )


def _feeds(source: str, batch: Batch, size: int) -> Iterator[dict[str, Any]]:
    """Inputs by the file's names for them, so many examples at a time, in the end perhaps fewer."""
    import onnxruntime

    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    names, given = [entry.name for entry in session.get_inputs()], [batch.inputs, *batch.more.values()]
    for start in range(0, batch.examples, size):
        yield {name: tensor[start : start + size].cpu().numpy() for name, tensor in zip(names, given, strict=True)}


def _quantized(parent: Parent, dynamic_batch: bool, quantize: Quantize, method: str) -> bytes:
    from onnx import TensorProto, load_from_string
    from onnxruntime.quantization.shape_inference import quant_pre_process

    try:
        content = onnx(parent, dynamic_batch)
    except ConfigError as error:
        raise ConfigError(
            f"--method {method}: makes an ONNX file. {error} --method weight_only, bf16 and fp16 export nothing."
        ) from error
    logging.getLogger().addFilter(_quiet)
    try:
        with tempfile.TemporaryDirectory() as folder:
            exported, prepared, made = (str(Path(folder, f"{name}.onnx")) for name in ("exported", "prepared", "int8"))
            Path(exported).write_bytes(content)
            quant_pre_process(exported, prepared, skip_symbolic_shape=True)
            quantize(prepared, made)
            content = Path(made).read_bytes()
    except ConfigError:
        raise
    except Exception as error:  # of the quantizer, of many kinds
        raise ConfigError(
            f"--method {method}: ONNX Runtime can't quantize this network ({' '.join(str(error).split())[:300]}). "
            "--method weight_only, bf16 and fp16 keep it as it is."
        ) from error
    finally:
        logging.getLogger().removeFilter(_quiet)
    if not any(entry.data_type == TensorProto.INT8 for entry in load_from_string(content).graph.initializer):
        layers = "dense, lstm or embedding" if method == "dynamic" else "dense or convolutional"
        other = "static" if method == "dynamic" else "dynamic"
        raise ConfigError(
            f"--method {method}: this network has no {layers} layer, so there is nothing to quantize. Try --method "
            f"{other} or bf16."
        )
    return content


def _quiet(record: logging.LogRecord) -> bool:
    """The quantizer logs to everybody."""
    return record.levelno > logging.WARNING


def _quantization() -> Any:
    try:
        import onnx  # noqa: F401
        from onnxruntime import quantization
    except ImportError as error:
        raise ConfigError(
            f"int8: {error.name} is not installed, whose quantizer it is: pip install 'runner[deploy]'."
        ) from error
    return quantization
