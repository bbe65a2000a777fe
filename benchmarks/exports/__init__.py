"""Exports of models of known truth, for `benchmarks/signatures.py`."""
