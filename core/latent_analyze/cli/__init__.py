"""The command line: one module per command."""

from latent_analyze.cli.app import main

__all__ = ["main"]
