"""The attributes of a store: model, data set, and how it was encoded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PositiveInt, ValidationError

from latent_analyze.errors import StoreError
from latent_analyze.files.hashing import content_hash
from latent_analyze.models.reference import ModelRef
from latent_analyze.models.signature import Signature
from latent_analyze.models.spec import ModelSpec, Spec, TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT = 2
"""Version of the store format. Readers open this version and all older ones."""

Json = Any  # Any: content of a JSON file; `parse_attributes` checks it

Nonfinite = Literal["refuse", "drop"]


class StoredModel(Spec):
    """Path, hash and adapter of the model: enough to open it again and verify it."""

    path: str
    fingerprint: str
    adapter: str


class LabelSpec(Spec):
    """A label of the data set, and the array with its values."""

    name: str
    array: str = Field(pattern=r"^(split|label_[A-Za-z0-9_-]+)$")
    dtype: Literal["int64", "string"]


class DatasetSpec(Spec):
    """The data set that was encoded."""

    name: str
    location: str = ""
    fingerprint: str
    count: PositiveInt
    kind: str = "images"
    item: TensorSpec
    labels: tuple[LabelSpec, ...] = ()
    options: dict[str, Any] = {}  # Any: JSON values; each data set has its own options
    value_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class EncodeSpec(Spec):
    """Encoding options; `thumbnail` is (height, width, channel), or None without thumbnails."""

    nonfinite: Nonfinite = "refuse"
    block_rows: PositiveInt
    batch: PositiveInt
    thumbnail: tuple[int, int, int] | None = None


class StoreSchema(Spec):
    """What is known before the first block is encoded."""

    format: Literal[1, 2] = 2
    creator: str
    model: StoredModel
    signature: Signature | None = None
    spec: ModelSpec
    dataset: DatasetSpec
    encode: EncodeSpec

    @property
    def model_ref(self) -> ModelRef:
        """How to open the model again."""
        return ModelRef(**self.model.model_dump(), signature=self.signature)

    def differences(self, other: StoreSchema) -> list[str]:
        """Return what would give other rows: ``"model"``, ``"signature"``, ``"data set"``, ...

        Paths and program versions may differ: an encode can resume after the model was moved.
        """
        own, others = self._identity(), other._identity()
        return [name for name in own if own[name] != others[name]]

    def _identity(self) -> dict[str, object]:
        data = self.dataset
        return {
            "model": (self.model.fingerprint, self.spec.further),
            "signature": self.signature.fingerprint if self.signature else "",
            "data set": (data.fingerprint, data.count, data.item, data.labels),
            "options": self.encode,
        }


class StoreAttributes(StoreSchema):
    """The attributes on disk: the schema, and what is known when all blocks are written.

    Attributes
    ----------
    count
        Number of z-points.
    dropped
        Number of rows of the data set that were dropped because of NaN or infinity.
    journal_sha256
        Hash of the journal, and so, through its checksums, of all rows.
    complete
        Written last; if False, the encode was interrupted.
    """

    count: PositiveInt | None = None
    dropped: int | None = None
    journal_sha256: str = ""
    complete: bool = False


def is_store_metadata(metadata: Json) -> bool:
    """Whether Zarr metadata belong to a latent store."""
    attributes = metadata.get("attributes") if isinstance(metadata, dict) else None
    return isinstance(attributes, dict) and {"format", "creator", "model"} <= set(attributes)


def parse_attributes(metadata: Json, where: str) -> StoreAttributes:
    """Return the attributes from the metadata of the root group.

    Raises
    ------
    StoreError
        If it is not a latent store, has a newer format, or has damaged attributes.
    """
    if not is_store_metadata(metadata):
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
    """Return the array name of each label: ``split``, ``label_digit``.

    Labels that are not valid file names on every system, or differ only in case, get a hash.
    """
    return {
        name: "split" if name == "split" else f"label_{file_name}"
        for name, file_name in _file_names(names).items()
    }


def output_arrays(names: Iterable[str]) -> dict[str, str]:
    """Return the array name of each further output of the encoder: ``output_z2``."""
    return {name: f"output_{file_name}" for name, file_name in _file_names(names).items()}


def _file_names(names: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    used: set[str] = set()
    for name in names:
        plain = re.fullmatch(r"[A-Za-z0-9_-]+", name) and name.lower() not in used
        slug = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:40].strip("-")
        found[name] = name if plain else f"{slug}-{content_hash(name)[:8]}"
        used.add(name.lower())
    return found


def not_a_store(where: str, found: str) -> StoreError:
    """Return the error for a path that is not a latent store."""
    return StoreError(
        f"a latent store at {where}", found=found,
        next_step="give a folder written by 'latent-analyze encode'",
    )  # fmt: skip


def damaged(where: str, found: str) -> StoreError:
    """Return the error for a store with missing or changed files."""
    return StoreError(
        f"an undamaged store at {where}", found=found,
        next_step="delete the store and encode again",
    )  # fmt: skip
