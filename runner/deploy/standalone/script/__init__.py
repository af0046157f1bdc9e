"""Parts of the scripts that stand beside exported networks: numpy and ONNX Runtime are all they import."""
