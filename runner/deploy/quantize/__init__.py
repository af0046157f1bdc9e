"""Networks whose numbers have fewer bits: int8 in ONNX files, int8 weights, float16 and bfloat16."""

from runner.deploy.quantize.int8 import dynamic, static
from runner.deploy.quantize.quantize import Method, quantize, refuse_quantized

__all__ = ["Method", "dynamic", "quantize", "refuse_quantized", "static"]
