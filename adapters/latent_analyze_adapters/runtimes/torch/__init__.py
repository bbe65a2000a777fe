"""PyTorch: exported programs, TorchScript, weights, and sessions."""
