"""latent-analyze: what a latent space looks like, in numbers that carry their own null model."""

from latent_analyze.api import encode, open_source, run, train
from latent_analyze.array_source import ArraySource
from latent_analyze.bundle import Bundle, DecoderSpec, EncoderSpec, read_bundle, write_bundle
from latent_analyze.contracts import (
    Accumulator,
    Adapter,
    Analysis,
    Context,
    Dataset,
    Items,
    Progress,
    Sampler,
    Trainer,
    no_progress,
)
from latent_analyze.drawn_source import DrawnSource
from latent_analyze.errors import (
    AnalysisError,
    DatasetError,
    LatentAnalyzeError,
    MissingDependencyError,
    ModelError,
    OptionError,
    PluginError,
    StoreError,
    missing_dependency,
    printable,
)
from latent_analyze.files import file_sha256, write_text_atomically
from latent_analyze.hookspecs import hookimpl
from latent_analyze.host import Host
from latent_analyze.model import Latents, Layout, Model, ModelSpec, TensorSpec
from latent_analyze.options import AnalysisOptions, Options, SamplerOptions
from latent_analyze.results import (
    Array,
    Calibration,
    Figure,
    Finding,
    Frame,
    Result,
    ResultSet,
    Scalar,
    stack_padded,
)
from latent_analyze.run_report import Report
from latent_analyze.seeding import content_hash, keyed_rng, row_priority
from latent_analyze.source import Batch, Block, BlockSource, Source
from latent_analyze.source_views import PosteriorSource
from latent_analyze.store import Store, open_store
from latent_analyze.summary import Summary

__all__ = [
    "Accumulator",
    "Adapter",
    "Analysis",
    "AnalysisError",
    "AnalysisOptions",
    "Array",
    "ArraySource",
    "Batch",
    "Block",
    "BlockSource",
    "Bundle",
    "Calibration",
    "Context",
    "Dataset",
    "DatasetError",
    "DecoderSpec",
    "DrawnSource",
    "EncoderSpec",
    "Figure",
    "Finding",
    "Frame",
    "Host",
    "Items",
    "LatentAnalyzeError",
    "Latents",
    "Layout",
    "MissingDependencyError",
    "Model",
    "ModelError",
    "ModelSpec",
    "OptionError",
    "Options",
    "PluginError",
    "PosteriorSource",
    "Progress",
    "Report",
    "Result",
    "ResultSet",
    "Sampler",
    "SamplerOptions",
    "Scalar",
    "Source",
    "Store",
    "StoreError",
    "Summary",
    "TensorSpec",
    "Trainer",
    "content_hash",
    "encode",
    "file_sha256",
    "hookimpl",
    "keyed_rng",
    "missing_dependency",
    "no_progress",
    "open_source",
    "open_store",
    "printable",
    "read_bundle",
    "row_priority",
    "run",
    "stack_padded",
    "train",
    "write_bundle",
    "write_text_atomically",
]
