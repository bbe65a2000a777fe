"""What a store says about itself: the attributes of its root group."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PositiveInt, ValidationError

from latent_analyze.errors import StoreError
from latent_analyze.files.hashing import content_hash
from latent_analyze.models.spec import ModelRef, ModelSpec, Spec, TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT = 1
"""Version of the store's format; a reader opens its own and all older ones."""

Nonfinite = Literal["refuse", "drop"]


class StoredModel(Spec):
    """Where the model lay and what it was; enough to open and verify it again."""

    path: str
    fingerprint: str
    adapter: str


class LabelSpec(Spec):
    """A label of the data set and the array that holds it."""

    name: str
    array: str = Field(pattern=r"^(split|label_[A-Za-z0-9_-]+)$")
    dtype: Literal["int64", "string"]


class DatasetSpec(Spec):
    """What was encoded."""

    name: str
    location: str = ""
    fingerprint: str
    count: PositiveInt
    kind: str = "images"
    item: TensorSpec
    labels: tuple[LabelSpec, ...] = ()
    options: dict[str, Any] = {}


class EncodeSpec(Spec):
    """How it was encoded: `thumbnail` is (height, width, channel), None without thumbnails."""

    nonfinite: Nonfinite = "refuse"
    block_rows: PositiveInt
    batch: PositiveInt
    thumbnail: tuple[int, int, int] | None = None


class StoreSchema(Spec):
    """All that is known before the first block."""

    format: Literal[1] = 1
    creator: str
    model: StoredModel
    spec: ModelSpec
    dataset: DatasetSpec
    encode: EncodeSpec

    @property
    def model_ref(self) -> ModelRef:
        """How to open the model again."""
        return ModelRef(**self.model.model_dump())

    def differences(self, other: StoreSchema) -> list[str]:
        """Return in what the rows of another schema would differ; empty if in nothing.

        Paths and versions may differ: an encode goes on where the model was moved to.
        """
        mine, theirs = self._identity(), other._identity()
        return [name for name in mine if mine[name] != theirs[name]]

    def _identity(self) -> dict[str, Any]:
        data = self.dataset
        return {
            "model": self.model.fingerprint,
            "data set": (data.fingerprint, data.count, data.item, data.labels),
            "options": self.encode,
        }


class StoreAttributes(StoreSchema):
    """The attributes on disk: the schema, and what is known once all blocks are written.

    Attributes
    ----------
    count
        Number of z-points.
    dropped
        Rows of the data set that were left out because their latents hold NaN or infinity.
    journal_sha256
        Hash of the journal, and through its checksums of all rows.
    complete
        Written last; a store without it is the beginning of one.
    """

    count: PositiveInt | None = None
    dropped: int | None = None
    journal_sha256: str = ""
    complete: bool = False


def is_ours(metadata: Any) -> bool:
    """Whether the metadata of a Zarr array or group is that of a latent store."""
    attributes = metadata.get("attributes") if isinstance(metadata, dict) else None
    return isinstance(attributes, dict) and {"format", "creator", "model"} <= set(attributes)


def parse_attributes(metadata: Any, where: str) -> StoreAttributes:
    """Read the attributes out of the root group's metadata.

    Raises
    ------
    StoreError
        If it is no latent store, one of a newer format, or one with damaged attributes.
    """
    if not is_ours(metadata):
        raise not_a_store(where, "a Zarr group of another program")
    attributes = metadata["attributes"]
    version = attributes["format"]
    if not isinstance(version, int) or version > FORMAT:
        raise StoreError(
            f"a store of format {FORMAT} or older at {where}", found=f"format {version}",
            next_step="run: pip install --upgrade latent-analyze",
        )  # fmt: skip
    try:
        return StoreAttributes.model_validate(attributes)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise damaged(where, f"attribute {key!r}: {first['msg']}") from None


def label_arrays(names: Iterable[str]) -> dict[str, str]:
    """Return the name of the array for each label: ``split``, ``label_digit``.

    Labels that could not stand as a file name on every system, or differ only in case, get a hash.
    """
    arrays: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = re.fullmatch(r"[A-Za-z0-9_-]+", name) and name.lower() not in taken
        slug = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:40].strip("-")
        file_name = name if plain else f"{slug}-{content_hash(name)[:8]}"
        arrays[name] = "split" if name == "split" else f"label_{file_name}"
        taken.add(name.lower())
    return arrays


def not_a_store(where: str, found: str) -> StoreError:
    """Return the error for a path that holds something else."""
    return StoreError(
        f"a latent store at {where}", found=found,
        next_step="name a folder made by 'latent-analyze encode'",
    )  # fmt: skip


def damaged(where: str, found: str) -> StoreError:
    """Return the error for a store whose files are not what was written."""
    return StoreError(
        f"an undamaged store at {where}", found=found,
        next_step="remove the store and encode again",
    )  # fmt: skip
