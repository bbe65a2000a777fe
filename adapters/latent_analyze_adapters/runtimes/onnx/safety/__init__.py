"""What an untrusted ONNX file must pass before it is loaded: static checks, then a trial run."""
