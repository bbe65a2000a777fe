"""Running analyses over sources: here on this machine; other engines keep the same interface."""

from latent_analyze.runs.engine.local import LocalEngine, Outcome, failure
from latent_analyze.runs.engine.tasks import CaseContext, Failure, RunContext, Task

__all__ = ["CaseContext", "Failure", "LocalEngine", "Outcome", "RunContext", "Task", "failure"]
