"""The runtimes that open models: ONNX Runtime, Keras, PyTorch and Python functions."""
