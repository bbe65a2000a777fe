"""The command line; each command in a file of its own."""

from latent_analyze.cli.app import main

__all__ = ["main"]
