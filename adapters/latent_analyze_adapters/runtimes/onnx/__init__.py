"""ONNX Runtime: reading files, the safety check before they run, graph surgery, and sessions."""
