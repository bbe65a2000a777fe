"""What authors of plugins import: contracts, results, options, sources and helpers."""

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
from latent_analyze.files.hashing import content_hash
from latent_analyze.files.pairs import common_folder, split_pair
from latent_analyze.files.quiet import quiet_stderr
from latent_analyze.files.writing import file_sha256, write_text_atomically
from latent_analyze.host.contracts import (
    Accumulator,
    Adapter,
    Analysis,
    Context,
    Dataset,
    InMemoryDataset,
    Items,
    Progress,
    Sampler,
    Trainer,
    no_progress,
)
from latent_analyze.host.discovery import Host
from latent_analyze.host.distribution import Distribution, quantile_positions, share_below
from latent_analyze.host.functions import analysis, sampler
from latent_analyze.host.hookspecs import hookimpl
from latent_analyze.host.measures import Found, Measure, Values, relative
from latent_analyze.host.options import AnalysisOptions, Options, SamplerOptions
from latent_analyze.host.results import (
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
from latent_analyze.host.tally import Tally
from latent_analyze.models.bundle import (
    Bundle,
    DecoderSpec,
    EncoderSpec,
    Spread,
    leave_open,
    read_bundle,
    write_bundle,
)
from latent_analyze.models.labels import Labels
from latent_analyze.models.signature import Candidate, Choice, Known, Sample, Signature
from latent_analyze.models.spec import FurtherSpec, Latents, Layout, Model, ModelSpec, TensorSpec
from latent_analyze.sources.arrays import ArraySource
from latent_analyze.sources.codes import Codes, LatentKind, codes_of
from latent_analyze.sources.drawn import DrawnSource
from latent_analyze.sources.seeding import keyed_rng, row_priority
from latent_analyze.sources.source import Batch, Block, BlockSource, Source, take_rows
from latent_analyze.sources.summary import Summary
from latent_analyze.sources.views import PosteriorSource

__all__ = [
    "Accumulator", "Adapter", "Analysis", "AnalysisError", "AnalysisOptions", "Array",
    "ArraySource", "Batch", "Block", "BlockSource", "Bundle", "Calibration", "Candidate", "Choice",
    "Codes", "Context", "Dataset", "DatasetError", "DecoderSpec", "Distribution", "DrawnSource",
    "EncoderSpec", "Figure", "Finding", "Found", "Frame", "FurtherSpec", "Host", "InMemoryDataset",
    "Items", "Known", "Labels", "LatentAnalyzeError", "LatentKind", "Latents", "Layout", "Measure",
    "MissingDependencyError", "Model", "ModelError", "ModelSpec", "OptionError", "Options",
    "PluginError", "PosteriorSource", "Progress", "Result", "ResultSet", "Sample", "Sampler",
    "SamplerOptions", "Scalar", "Signature", "Source", "Spread", "StoreError", "Summary", "Tally",
    "TensorSpec", "Trainer", "Values", "analysis", "codes_of", "common_folder", "content_hash",
    "file_sha256", "hookimpl", "keyed_rng", "leave_open", "missing_dependency", "no_progress",
    "printable", "quantile_positions", "quiet_stderr", "read_bundle", "relative", "row_priority",
    "sampler", "share_below", "split_pair", "stack_padded", "take_rows", "write_bundle",
    "write_text_atomically",
]  # fmt: skip
