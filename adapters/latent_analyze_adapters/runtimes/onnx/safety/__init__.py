"""What an ONNX file must pass before it is loaded: a static check, then a trial in a child."""
