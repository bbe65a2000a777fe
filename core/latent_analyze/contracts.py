"""The contracts of plugins: Analysis, Accumulator, Sampler, Dataset, Adapter, Trainer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np

from latent_analyze.options import AnalysisOptions, Options, SamplerOptions
from latent_analyze.results import Frame
from latent_analyze.source import Z_ONLY

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from latent_analyze.model import Model, TensorSpec
    from latent_analyze.results import Figure, Finding, Result, ResultSet
    from latent_analyze.source import Batch, Source

Progress = Callable[[str, int, int], None]
"""Called as progress(task, done, total): ``progress("encode", 512, 70000)``."""


def no_progress(task: str, done: int, total: int) -> None:
    """Show nothing."""


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

    def result(self) -> Result:
        """Return what was found; may be called once all rows are in."""
        ...


class Context(Protocol):
    """What an analysis that is no reduction may ask for while it runs on a source."""

    @property
    def reference(self) -> Source:
        """The reference of the case."""
        ...

    @property
    def model(self) -> Model:
        """The model of the reference, opened on first use."""
        ...

    @property
    def seed(self) -> int:
        """The seed of this analysis on this source."""
        ...

    @property
    def rng(self) -> np.random.Generator:
        """A generator of its own for this analysis on this source."""
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
    requires
        Of ``"encoder"``, ``"decoder"``, ``"log_var"``, ``"labels"``, ``"images"``, ``"paired"``
        (another case with rows of the same ids): what the case must have; a run without these
        says that the analysis was left out.
    fields
        What `Accumulator.add` reads of a batch besides z: ``"mu"``, ``"log_var"``, ``"id"``,
        ``"label:<name>"``.
    cost
        ``"light"``: calibrated by default; ``"heavy"``: one null draw is shown, and the ensemble
        is run on request (``--calibrate``).
    Options
        A pydantic model, the one declaration that command line, TOML file and notebook read.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    requires: ClassVar[frozenset[str]] = frozenset()
    fields: ClassVar[frozenset[str]] = Z_ONLY
    cost: ClassVar[Literal["light", "heavy"]] = "light"
    Options: ClassVar[type[AnalysisOptions]] = AnalysisOptions

    def __init__(self, options: Any = None) -> None:
        self.options: Any = self.Options() if options is None else options

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

    def run(self, frame: Frame, source: Source, context: Context) -> Result:
        """Return the result on a source, for what is no reduction over rows."""
        raise NotImplementedError

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Return findings; above "note" only what `results.standouts()` carries."""
        del results
        return ()

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Return figures that overlay all sources and the null band, from results alone."""
        del results
        return ()

    @classmethod
    def is_streaming(cls) -> bool:
        """Whether the analysis is a reduction over rows."""
        return cls.accumulator is not Analysis.accumulator


class Sampler(ABC):
    """Makes artificial z-points. Subclass it, set `name`, and write `fit`.

    Attributes
    ----------
    needs_reference
        Whether `fit` needs a reference; if not, options `dim` and `count` can stand in for one.
    matches
        The moments of the reference that a fitted source has in expectation; may depend on the
        options. As a null, each draw is rescaled to have them exactly.
    """

    name: ClassVar[str]
    needs_reference: ClassVar[bool] = False
    requires: ClassVar[frozenset[str]] = frozenset()
    matches: Literal["covariance", "variance", "nothing"] = "nothing"
    Options: ClassVar[type[SamplerOptions]] = SamplerOptions

    def __init__(self, options: Any = None) -> None:
        self.options: Any = self.Options() if options is None else options

    @abstractmethod
    def fit(self, reference: Source | None, seed: int) -> Source:
        """Return a source of artificial z-points fitted to a reference.

        `self.size(reference)` gives count and dim. The label is set by the host to the sampler's
        text; use `self.name`.
        """

    def size(self, reference: Source | None) -> tuple[int, int]:
        """Return (count, dim) from the options or else from the reference."""
        from latent_analyze.errors import OptionError

        count, dim = self.options.count, self.options.dim
        if reference is not None and dim not in (None, reference.dim):
            raise OptionError(
                f"dim={reference.dim}, that of {reference.label}", found=f"dim={dim}",
                next_step=f"leave dim out of {self.name}",
            )  # fmt: skip
        if reference is not None:
            return count or reference.count, reference.dim
        if dim is None:
            raise OptionError(
                f"dim= for {self.name} without a store", found="none",
                next_step=f"write {self.name}:dim=16:count=10000",
            )  # fmt: skip
        return count or 10_000, dim


@dataclass(frozen=True)
class Items:
    """Some rows of a data set.

    Attributes
    ----------
    x
        Images (n, H, W, C), float32 in [0, 1]; or vectors (n, dim), float32.
    ids
        One text per row, unique in the data set.
    labels
        Name -> values (integers or texts), shape (n,); a split stands here as ``"split"``.
    """

    x: NDArray[np.float32]
    ids: Sequence[str]
    labels: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Dataset(ABC):
    """Images or vectors with ids and labels, readable from any row on. Subclass and set `name`.

    Attributes
    ----------
    kind
        ``"images"``: to be encoded by a model; ``"vectors"``: z-points as they are.
    location, options
        What it was opened from, and how; both are written into the store.
    count
        Number of rows.
    item
        Shape, layout and range of one row.
    """

    name: ClassVar[str]
    kind: ClassVar[Literal["images", "vectors"]] = "images"
    Options: ClassVar[type[Options]] = Options
    location: str
    options: Any
    count: int
    item: TensorSpec

    @classmethod
    @abstractmethod
    def recognizes(cls, location: str) -> bool:
        """Whether this class is for `location` (a path or a built-in name); cheap, never raises."""

    @abstractmethod
    def __init__(self, location: str, options: Any = None) -> None:
        """Open it; raises DatasetError where nothing usable is there."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """SHA-256 of file contents and of what is done to them (crop, resize, ...)."""

    @property
    def label_names(self) -> Sequence[str]:
        """Names of the labels, ``"split"`` among them."""
        return ()

    @abstractmethod
    def read(self, rows: NDArray[np.int64]) -> Items:
        """Return these rows, in this order."""

    def source(self, label: str) -> Source:
        """Return the rows of a data set of kind "vectors" as z-points.

        Override it where the rows need not be read all at once.
        """
        from latent_analyze.array_source import ArraySource

        items = self.read(np.arange(self.count))
        return ArraySource(items.x, label, labels=items.labels)


class Adapter(ABC):
    """Opens models of one runtime or format. Subclass and set `name`."""

    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def recognizes(cls, path: Path) -> bool:
        """Whether this adapter is for `path`; cheap, imports no runtime, never raises."""

    @abstractmethod
    def open(self, path: Path, *, device: str | None = None) -> Model:
        """Open a bundle folder or a bare file; raises ModelError or MissingDependencyError."""


class Trainer(ABC):
    """Trains a model on a data set and writes a bundle folder. Subclass and set `name`."""

    name: ClassVar[str]
    Options: ClassVar[type[Options]] = Options

    def __init__(self, options: Any = None) -> None:
        self.options: Any = self.Options() if options is None else options

    @abstractmethod
    def train(self, dataset: Dataset, output: Path, progress: Progress = no_progress) -> None:
        """Train on the images of `dataset` and write ``model.toml`` and its files to `output`."""
