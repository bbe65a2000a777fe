"""A test kit for plugin authors: small sources, and checks of the contracts.

from latent_analyze.testing.kit import check_analysis
check_analysis(MyAnalysis())
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.host.contracts import Analysis, Sampler
from latent_analyze.host.options import build_options, describe_options
from latent_analyze.host.results import Figure, Finding, Frame, Result, ResultSet
from latent_analyze.host.validation import fault_of
from latent_analyze.plotting.standard_figures import plot_of
from latent_analyze.runs.findings import all_findings
from latent_analyze.runs.result_files import ResultFiles
from latent_analyze.sources.codes import codes_of
from latent_analyze.sources.seeding import keyed_rng
from latent_analyze.sources.source import Batch, Block, Source
from latent_analyze.testing.comparison import assert_same_result
from latent_analyze.testing.runs import (
    Gaussian,
    Shuffled,
    gaussian_members,
    run_analysis,
    shuffled_members,
    tiny_codes,
    tiny_source,
)

if TYPE_CHECKING:
    from latent_analyze.host.contracts import Adapter
    from latent_analyze.models.spec import Model

REFERENCE_ONLY = frozenset({"log_var", "labels", "images", "paired"})
"""What artificial z-points do not have: analyses that require it run on no drawn source."""


def findings_of(analysis: Analysis, results: ResultSet) -> list[Finding]:
    """Return all that is said about results: the analysis' own findings and the standard ones."""
    return all_findings(analysis, results)


def figures_of(analysis: Analysis, results: ResultSet) -> list[Figure]:
    """Return the figures of results: the analysis' own, or else the standard ones."""
    return list(plot_of(analysis)(results))


def check_analysis(
    analysis: Analysis | type[Analysis], *, source: Source | None = None, **case: Any
) -> ResultSet:
    """Check an analysis against its contract; returns the results for further checks.

    Parameters
    ----------
    source
        The reference; a `tiny_source`, or `tiny_codes`, if not given.
    case
        `model`, `images` and `others` as in `run_analysis`, where the analysis requires them.

    Checked: name and described options; options survive a round trip; the frame is picklable; a
    streaming analysis gives the same counts for any split of the rows, floats within
    `RELATIVE_TOLERANCE`, an empty accumulator is neutral, accumulators are picklable; the same
    seed gives the same result; results survive a round trip on disk; findings and figures are of
    the right kind, and findings rest on calibrations; measures are declared and described.

    Raises
    ------
    AssertionError
        With what the contract says and what was found.
    """
    analysis = analysis() if isinstance(analysis, type) else analysis
    fault = fault_of(type(analysis), Analysis)
    assert not fault, fault
    reference = source or _tiny_reference(analysis)
    _check_declaration(type(analysis), analysis)
    beside: dict[str, Any] = {}
    if not analysis.requires & REFERENCE_ONLY:
        beside = _beside(reference)
    results = run_analysis(analysis, reference, **beside, **case)
    frame = results.frame
    assert isinstance(frame, Frame), f"prepare must return a Frame, not {type(frame).__name__}"
    assert _pickled(frame).fingerprint == frame.fingerprint, "frame: picklable"
    if analysis.is_streaming():
        _check_accumulator(analysis, frame, reference)
    again = run_analysis(analysis, reference, **case)
    with _rule("two runs with one seed give the same result (draw from context.rng or rng)"):
        assert_same_result(results.data, again.data, tolerance=0.0)
    for result in results.results.values():
        _check_round_trip(result)
    _check_findings_and_figures(analysis, results)
    return results


def _tiny_reference(analysis: Analysis) -> Source:
    if "coordinates" not in analysis.latents:
        return tiny_codes()
    return tiny_source(variational="log_var" in analysis.requires)


def _beside(reference: Source) -> dict[str, Any]:
    """Return a source to show beside a reference, and the members of a null."""
    if codes_of(reference) is None:
        members = gaussian_members(reference, 19)
        return {"shown": [Gaussian().fit(reference, 7)], "nulls": {"gaussian": members}}
    members = shuffled_members(reference, 19)
    return {"shown": [Shuffled().fit(reference, 7)], "nulls": {"shuffled": members}}


def check_sampler(sampler: Sampler | type[Sampler], *, reference: Source | None = None) -> Source:
    """Check a sampler against its contract; returns a fitted source for further checks.

    Checked: described options; same seed, same rows; another seed, other rows and fingerprint;
    blocks are a partition and can be read in any order; the source is picklable.
    """
    sampler = sampler() if isinstance(sampler, type) else sampler
    fault = fault_of(type(sampler), Sampler)
    assert not fault, fault
    _check_declaration(type(sampler), sampler)
    if reference is None and "coordinates" not in sampler.latents:
        reference = tiny_codes()
    reference = reference or tiny_source(variational="log_var" in sampler.requires)
    dtype = np.float32 if codes_of(reference) is None else np.int64
    source, same, other = (sampler.fit(reference, seed) for seed in (1, 1, 2))
    assert source.dim == reference.dim, "the dimensions are the reference's"
    assert source.fingerprint == same.fingerprint != other.fingerprint, "fingerprint follows seed"
    blocks = list(source.blocks())
    assert [b.start for b in blocks] == [0, *(b.stop for b in blocks[:-1])], "blocks: a partition"
    assert blocks[-1].stop == source.count, "blocks cover all rows"
    backwards = {b.index: source.read(b).z for b in reversed(blocks)}
    copy = _pickled(source)
    for block in blocks:
        rows = same.read(block).z
        assert rows.dtype == dtype, f"z is {np.dtype(dtype)}"
        wanted = (block.size, source.dim)
        assert rows.shape == wanted, f"draws have the shape {wanted}, found {rows.shape}"
        assert np.isfinite(rows).all(), "draws are finite"
        assert np.array_equal(rows, backwards[block.index]), "same seed, same rows"
        assert np.array_equal(rows, copy.read(block).z), "a pickled source gives the same rows"
    assert not np.array_equal(other.read(blocks[0]).z, source.read(blocks[0]).z), "seed matters"
    return source


def check_adapter(adapter: Adapter, path: Path, *, rows: int = 7, trust: bool = False) -> Model:
    """Check an adapter on a model that it should open, with trust if need be; returns the model.

    Checked: it recognizes the path; spec and shapes agree; rows do not depend on their batch; the
    fingerprint stays the same when opened again.
    """
    assert adapter.recognizes(path), f"{adapter.name} recognizes {path.name}"
    model, again = (adapter.open(path, trust=trust) for _ in range(2))
    spec = model.spec
    assert model.fingerprint == again.fingerprint, "same file, same fingerprint"
    assert spec.can_encode or spec.can_decode, "a model encodes or decodes"
    rng = keyed_rng(0, "adapter")
    if spec.can_encode:
        assert spec.input is not None, "an encoder has an input spec"
        x = rng.random((rows, *spec.input.shape), dtype=np.float32)
        _check_rows(lambda part: model.encode(part).mu, x, (spec.dim,))
    if spec.can_decode:
        assert spec.output is not None, "a decoder has an output spec"
        z = rng.standard_normal((rows, spec.dim), dtype=np.float32)
        _check_rows(model.decode, z, spec.output.shape)
    return model


def _check_declaration(cls: Any, instance: Any) -> None:
    assert getattr(cls, "name", ""), f"{cls.__name__} has a name"
    assert (cls.__doc__ or "").strip(), f"{cls.__name__} has a docstring: what question it answers"
    for measure in getattr(cls, "measures", ()):
        assert measure.description, f"measure {measure.name} of {cls.name} has a description"
    for row in describe_options(cls.Options):
        assert row["description"], f"option {row['name']} of {cls.name} has a description"
    values = instance.options.model_dump(mode="json", exclude_unset=True)
    assert build_options(cls.Options, values, cls.name) == instance.options, "options round trip"


def _check_accumulator(analysis: Analysis, frame: Frame, source: Source) -> None:
    fields = analysis.fields | {"z"}
    whole = source.read(Block(0, 0, source.count), fields)
    expected = _accumulate(analysis, frame, [whole], source)
    rng = keyed_rng(0, "splits")
    for parts in (2, 5, 17):
        cuts = np.sort(rng.integers(0, len(whole) + 1, parts))
        pieces = [whole.take(slice(a, b)) for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
        with _rule("`add` of the rows in several batches gives what one batch gives"):
            assert_same_result(expected, _accumulate(analysis, frame, pieces, source))
        with _rule("`merge` of parts gives what one accumulator gives"):
            assert_same_result(expected, _merged(analysis, frame, pieces, source))


def _accumulate(
    analysis: Analysis, frame: Frame, pieces: Sequence[Batch], source: Source
) -> Result:
    accumulator = analysis.accumulator(frame)
    for piece in pieces:
        accumulator.add(piece)
    return analysis.declare(frame, source).result(accumulator.result())


def _merged(analysis: Analysis, frame: Frame, pieces: Sequence[Batch], source: Source) -> Result:
    total = analysis.accumulator(frame)
    for piece in pieces:
        part = analysis.accumulator(frame)
        part.add(piece)
        total.merge(_pickled(part))
        total.merge(analysis.accumulator(frame))
    return analysis.declare(frame, source).result(total.result())


def _check_round_trip(result: Result) -> None:
    with TemporaryDirectory() as folder:
        files = ResultFiles(Path(folder))
        files.save(("case", "source"), "key", result)
        back = files.load(("case", "source"), "key")
        assert back is not None, "a result can be read back"
        assert_same_result(result, back, tolerance=0.0)
        assert files.load(("case", "source"), "other key") is None, "another key, no result"


def _check_findings_and_figures(analysis: Analysis, results: ResultSet) -> None:
    standing_out = bool(results.standouts())
    for finding in all_findings(analysis, results):
        assert finding.text, "a finding is a sentence"
        rests = finding.severity != "finding" or standing_out
        assert rests, f"a finding needs a calibration that stands out: {finding.text}"
    for figure in plot_of(analysis)(results):
        assert isinstance(figure, Figure), "plot gives figures"
        assert figure.caption, f"figure {figure.name} has a caption"
        assert figure.figure.axes, f"figure {figure.name} is not empty"


@contextmanager
def _rule(text: str) -> Iterator[None]:
    """Name the rule of the contract that an assertion is about."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{text}: {error}") from None


def _pickled(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))  # noqa: S301  (our own bytes)


def _check_rows(function: Any, x: Any, shape: tuple[int, ...]) -> None:
    whole = function(x)
    assert whole.shape == (len(x), *shape), f"shape {(len(x), *shape)}, found {whole.shape}"
    assert whole.dtype == np.float32, "float32"
    single = np.concatenate([function(row[None]) for row in x])
    scale = float(whole.std()) or 1.0
    assert np.abs(whole - single).max() <= 1e-4 * scale, "rows do not depend on their batch"
