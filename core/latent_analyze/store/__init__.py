"""The latent store: every z-point of one (model, data set), on disk.

A Zarr v3 group that xarray opens without us, and a journal beside it that makes writing safe.
"""

from latent_analyze.store.chunks import is_store, read_attributes
from latent_analyze.store.reader import Store, open_store
from latent_analyze.store.schema import (
    FORMAT,
    DatasetSpec,
    EncodeSpec,
    LabelSpec,
    StoreAttributes,
    StoredModel,
    StoreSchema,
)
from latent_analyze.store.writer import StoreWriter

__all__ = [
    "FORMAT",
    "DatasetSpec",
    "EncodeSpec",
    "LabelSpec",
    "Store",
    "StoreAttributes",
    "StoreSchema",
    "StoreWriter",
    "StoredModel",
    "is_store",
    "open_store",
    "read_attributes",
]
