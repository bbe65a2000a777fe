"""The contracts of plugins: what each kind must and may do."""

from latent_analyze.contracts.analysis import Accumulator, Analysis, Context
from latent_analyze.contracts.dataset import Dataset, Items
from latent_analyze.contracts.model import Adapter, Trainer
from latent_analyze.contracts.progress import Progress, no_progress
from latent_analyze.contracts.sampler import Sampler

__all__ = [
    "Accumulator",
    "Adapter",
    "Analysis",
    "Context",
    "Dataset",
    "Items",
    "Progress",
    "Sampler",
    "Trainer",
    "no_progress",
]
