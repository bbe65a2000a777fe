"""Analyses: questions about a source, answered by a reduction over rows or by a run."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from latent_analyze.host.declaration import Declaration
from latent_analyze.host.measures import Measure, Values
from latent_analyze.host.options import AnalysisOptions, build_options
from latent_analyze.host.results import Frame
from latent_analyze.sources.codes import LatentKind
from latent_analyze.sources.source import Z_ONLY

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from latent_analyze.host.contracts.progress import Progress
    from latent_analyze.host.results import Figure, Finding, ResultSet
    from latent_analyze.models.labels import Labels
    from latent_analyze.models.spec import Latents, Model
    from latent_analyze.sources.source import Batch, Source


class Accumulator(Protocol):
    """A picklable monoid over batches: `merge` is associative, an empty one is neutral.

    Counts must not depend on how the rows are split at all; floats only within a stated tolerance.
    """

    def add(self, batch: Batch) -> None:
        """Take in the rows of a batch."""
        ...

    def merge(self, other: Any) -> None:
        """Take in all that another accumulator of the same frame has seen."""
        ...

    def result(self) -> Mapping[str, Any] | Values:
        """Return the measures by name; called once all rows are in."""
        ...


class Context(Protocol):
    """What an analysis that is no reduction may ask for while it runs on a source."""

    @property
    def reference(self) -> Source:
        """The reference of the case."""
        ...

    @property
    def value_names(self) -> Sequence[str]:
        """Names of the values in a row of the reference's data set; empty without any."""
        ...

    @property
    def model(self) -> Model:
        """The model of the reference, opened on first use."""
        ...

    def has(self, need: str) -> bool:
        """Whether the case has ``"decoder"``, ``"images"``, ...: what `requires` may name.

        For what an analysis uses where it is there, and does without elsewhere.
        """
        ...

    @property
    def seed(self) -> int:
        """The seed of this analysis, the same on every source."""
        ...

    @property
    def rng(self) -> np.random.Generator:
        """A generator of its own for this analysis, the same on every source."""
        ...

    @property
    def progress(self) -> Progress:
        """Called as progress(task, done, total)."""
        ...

    def sample(self, n: int, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Return a seeded sample of the source, without replacement."""
        ...

    def images(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the images behind rows of the source, (n, H, W, C) in [0, 1]."""
        ...

    def model_labels(self, rows: NDArray[np.int64]) -> Labels:
        """Return the labels that the model takes, name -> (n,) values, for rows of the source.

        Their own where the source has them, as data and posterior draws do; else those of rows of
        the reference that are drawn by a seed. Empty for a model that takes none, or where nobody
        has any. What the model gets is noted with the result.
        """
        ...

    def decode(self, z: NDArray[Any], labels: Labels = ...) -> NDArray[np.float32]:
        """Decode z-points (n, dim) with those of the labels that the decoder takes.

        For those that are missing it gets its constants, which is noted with the result.
        """
        ...

    def encode(self, x: NDArray[np.float32], labels: Labels = ...) -> Latents:
        """Encode rows (n, *input) as `decode` decodes them."""
        ...

    def paired(self, n: int) -> Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Return label of another case -> (z here, z there), rows of the same ids.

        A seeded sample of n ids that both have (all, if there are fewer). The other case may have
        other latent dimensions.
        """
        ...


class Analysis(ABC):
    """A question about a source. Subclass it, set `name`, and write `accumulator` or `run`.

    Attributes
    ----------
    name
        What users type: lower case, letters, digits and underscores.
    measures
        What it returns, declared once; see `Measure`. Without any, names and dimensions are read
        from what it returns, and nothing is calibrated.
    requires
        Of ``"encoder"``, ``"decoder"``, ``"log_var"``, ``"labels"``, ``"images"``, ``"paired"``
        (another case with rows of the same ids): what the case must have; a run without these
        says that the analysis was left out.
    latents
        What it can be asked about: ``"coordinates"``, ``"codes"`` (whole numbers that name codes of
        a codebook, ``source.codes``), or both. On others it is left out.
    fields
        What `Accumulator.add` reads of a batch besides z: ``"mu"``, ``"log_var"``, ``"id"``,
        ``"label:<name>"``.
    cost
        ``"light"``: calibrated by default; ``"heavy"``: one null draw is shown, and the ensemble
        is run on request (``--calibrate``). May depend on the options.
    counts
        Options that are numbers of z-points to look at -> the fewest that still make sense, and
        what a value such as ``"auto"`` stands for at most: what a budget may cut.
    Options
        A pydantic model, the one declaration that command line, TOML file and notebook read.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    requires: ClassVar[frozenset[str]] = frozenset()
    latents: ClassVar[frozenset[LatentKind]] = frozenset({"coordinates"})
    fields: ClassVar[frozenset[str]] = Z_ONLY
    cost: Literal["light", "heavy"] = "light"
    measures: ClassVar[Sequence[Measure]] = ()
    counts: ClassVar[Mapping[str, tuple[int, int]]] = MappingProxyType({})
    Options: ClassVar[type[AnalysisOptions]] = AnalysisOptions

    def __init__(self, options: Any = None, **given: Any) -> None:
        self.options: Any = options or build_options(self.Options, given, self.name)

    def declare(self, frame: Frame, source: Source) -> Declaration:
        """Return the measures with the words that their descriptions may use."""
        options = {name: getattr(self.options, name) for name in type(self.options).model_fields}
        return Declaration(
            self.name, self.measures, options, frame.values, dim=source.dim, count=source.count
        )

    def prepare(self, reference: Source) -> Frame:
        """Return what all sources of the case share; small and picklable."""
        del reference
        return Frame()

    def prepare_with(self, reference: Source, context: Context) -> Frame:
        """Return the frame; override it instead of `prepare` where it takes the model or images."""
        del context
        return self.prepare(reference)

    def companions(self, reference: Source) -> Sequence[str]:
        """Return texts of samplers that this analysis alone shows beside the reference."""
        del reference
        return ()

    def accumulator(self, frame: Frame) -> Accumulator:
        """Return an empty accumulator: the engine feeds it every row of a source, once."""
        raise NotImplementedError

    def run(self, frame: Frame, source: Source, context: Context) -> Mapping[str, Any] | Values:
        """Return the measures of a source by name, for what is no reduction over rows."""
        raise NotImplementedError

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Return what there is to say beyond the standard sentences.

        The host says by itself which calibrated scalars stand out (unless a ``finding`` names
        them), and what measures with `said` have to say.
        """
        del results
        return ()

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Return figures that overlay all sources and the null band, from results alone.

        Override it only where the standard figures of the declared arrays are not enough.
        """
        del results
        return ()

    @classmethod
    def is_streaming(cls) -> bool:
        """Whether the analysis is a reduction over rows."""
        return cls.accumulator is not Analysis.accumulator
