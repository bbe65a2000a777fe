"""The contracts of plugins: what each kind must and may do."""

from latent_analyze.host.contracts.analysis import Accumulator, Analysis, Context
from latent_analyze.host.contracts.dataset import Dataset, InMemoryDataset, Items
from latent_analyze.host.contracts.model import NOTHING, Adapter, Trainer
from latent_analyze.host.contracts.progress import Progress, no_progress
from latent_analyze.host.contracts.sampler import Sampler

__all__ = [
    "NOTHING",
    "Accumulator",
    "Adapter",
    "Analysis",
    "Context",
    "Dataset",
    "InMemoryDataset",
    "Items",
    "Progress",
    "Sampler",
    "Trainer",
    "no_progress",
]
