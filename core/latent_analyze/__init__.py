"""latent-analyze: what a latent space looks like, in numbers that carry their own null model.

`run`, `encode`, `train` and `inspect` do what the commands of the same names do. Authors of plugins
import from `latent_analyze.plugin`, and draw with `latent_analyze.plotting`.
"""

from typing import Any

from latent_analyze.api import encode, inspect, open_source, run, train
from latent_analyze.errors import (
    AnalysisError,
    DatasetError,
    LatentAnalyzeError,
    MissingDependencyError,
    ModelError,
    OptionError,
    PluginError,
    StoreError,
)
from latent_analyze.report.report import Report
from latent_analyze.store import Store, open_store

__all__ = [
    "AnalysisError",
    "DatasetError",
    "LatentAnalyzeError",
    "MissingDependencyError",
    "ModelError",
    "OptionError",
    "PluginError",
    "Report",
    "Store",
    "StoreError",
    "encode",
    "inspect",
    "open_source",
    "open_store",
    "run",
    "train",
]


def __dir__() -> list[str]:
    return list(__all__)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("latent-analyze")
    from latent_analyze.renamed import explain

    raise explain(name)
