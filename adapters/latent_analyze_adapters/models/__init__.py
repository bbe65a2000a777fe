"""Shared by the adapters of all runtimes: finding, describing and running the files of a model."""
