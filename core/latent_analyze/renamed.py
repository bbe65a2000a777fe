"""Names of version 0.1 that stand elsewhere now: who imports one is told where."""

from __future__ import annotations

MOVED = frozenset({
    "Accumulator", "Adapter", "Analysis", "AnalysisOptions", "Array", "ArraySource", "Batch",
    "Block", "BlockSource", "Bundle", "Calibration", "Context", "Dataset", "DecoderSpec",
    "DrawnSource", "EncoderSpec", "Figure", "Finding", "Frame", "Host", "Items", "Latents",
    "Layout", "Model", "ModelSpec", "Options", "PosteriorSource", "Progress", "Result",
    "ResultSet", "Sampler", "SamplerOptions", "Scalar", "Source", "Summary", "TensorSpec",
    "Trainer", "content_hash", "file_sha256", "hookimpl", "keyed_rng", "missing_dependency",
    "no_progress", "printable", "read_bundle", "row_priority", "stack_padded", "write_bundle",
    "write_text_atomically",
})  # fmt: skip
"""Names that authors of plugins import, once public in `latent_analyze` itself."""


class MovedNameError(ImportError):
    """A name was imported from where it stood in an earlier version."""


def explain(name: str) -> ImportError | AttributeError:
    """Return the error for a name that `latent_analyze` has not got."""
    if name in MOVED:
        # An AttributeError would be replaced by Python's own "cannot import name".
        return MovedNameError(
            f"{name} is for plugins and stands in latent_analyze.plugin since version 0.2: "
            f"write 'from latent_analyze.plugin import {name}'"
        )
    return AttributeError(f"module 'latent_analyze' has no attribute {name!r}")
