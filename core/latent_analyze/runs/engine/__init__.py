"""Running analyses over sources: here on this machine; other engines keep the same interface."""

from latent_analyze.runs.engine.local import LocalEngine, Outcome, failure
from latent_analyze.runs.engine.tasks import Failure, RunContext, Surroundings, Task

__all__ = ["Failure", "LocalEngine", "Outcome", "RunContext", "Surroundings", "Task", "failure"]
