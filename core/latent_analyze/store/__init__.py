"""The latent store: all z-points of one model and one data set, on disk.

A store is a Zarr v3 group, which xarray opens without this package, plus a journal that makes
writing safe.
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
