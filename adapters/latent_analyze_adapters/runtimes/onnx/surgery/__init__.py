"""Cutting an ONNX graph: encoder and decoder in one file, and the mean before a random draw."""
