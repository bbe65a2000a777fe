"""The model and images behind a case: opened when an analysis asks, and verified."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.errors import AnalysisError, ModelError, StoreError
from latent_analyze.models.in_python import PREFIX, is_in_python, kept_model
from latent_analyze.runs.advice import with_data
from latent_analyze.runs.case_data import reopen_data, why_no_data
from latent_analyze.runs.codes_decoder import CodesDecoder, Lookup, find_lookup
from latent_analyze.runs.opening import model_exists, open_model, reopen_model
from latent_analyze.runs.outputs import VIEWS, output_name, output_source_of
from latent_analyze.sources.codes import codes_of
from latent_analyze.sources.views import SubsetSource
from latent_analyze.store import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.host.contracts import Dataset
    from latent_analyze.host.discovery import Host
    from latent_analyze.models.reference import ModelRef
    from latent_analyze.models.spec import Model
    from latent_analyze.runs.config import RunConfig
    from latent_analyze.sources.source import Source


@dataclass
class CaseModel:
    """What stands behind a reference: a store's model and data, or a model that the user gave."""

    host: Host
    reference: Source
    ref: ModelRef | None = None
    data: str | None = None
    can: dict[str, bool] = field(default_factory=dict)
    missing: str = "the source has no model; encode a store, or give --model"
    details: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, reference: Source, config: RunConfig, host: Host) -> CaseModel:
        """Return what stands behind `reference`.

        Raises
        ------
        StoreError
            If the user's model is not the one that the store was made with, or does not fit.
        DatasetError
            If the user's data are not those that the store was made from.
        """
        case = cls(host, reference, data=config.data)
        store = store_of(reference)
        if store is not None:
            case._take_store(store, config)
        if store is not None and config.data is not None:
            case._dataset = reopen_data(store.schema.dataset, config.data, host)
        if config.model is not None:
            case._take_given(config.model, config, store)
        return case

    def _take_store(self, store: Store, config: RunConfig) -> None:
        spec = store.spec
        self.can = {"encoder": spec.can_encode, "decoder": spec.can_decode}
        self.details = {
            "model": spec,
            "signature": store.schema.signature,
            "dataset": store.schema.dataset,
            "store": str(store.path),
            "model_fingerprint": store.model_ref.fingerprint,
            "dropped": store.schema.dropped,
        }
        self.ref = replace(store.model_ref, device=config.device, trust=config.trust)
        if is_in_python(self.ref.path):
            if kept_model(self.ref.fingerprint) is None:
                name = self.ref.path.removeprefix(PREFIX)
                self.missing = f"the model, {name}, existed in Python only; give a file as --model"
                self.ref = None
        elif not model_exists(self.ref.path, self.host):
            self.missing = f"the model is no longer at {self.ref.path}; give --model"
            self.ref = None

    def _take_given(self, path: str, config: RunConfig, store: Store | None) -> None:
        # A file of a model that existed in Python has another hash and another signature.
        comparable = store is not None and not is_in_python(store.model_ref.path)
        known = store.model_ref.signature if store is not None and comparable else None
        try:
            model, self.ref = open_model(
                path, self.host, device=config.device, trust=config.trust, signature=known
            )
        except ModelError as error:
            raise with_data(error, path, write=True) from None
        if store is not None and comparable and store.model_ref.fingerprint != self.ref.fingerprint:
            raise StoreError(
                f"a store made with the model {path} ({self.ref.fingerprint[:12]})",
                found=f"a store of another model ({store.model_ref.fingerprint[:12]})",
                next_step="encode again with this model, or leave --model out",
            )
        wanted = codes_of(self.reference)
        fits = (model.spec.dim, model.spec.has_codes) == (self.reference.dim, wanted is not None)
        if not fits and not output_name(self.reference):
            raise ModelError(
                f"a model of {wanted or f'{self.reference.dim} latent dimensions'}",
                found=f"{model.spec.dim}",
                next_step="give the model that the z-points are of, or leave --model out",
            )
        self.can = {"encoder": model.spec.can_encode, "decoder": model.spec.can_decode}
        self.details = {**self.details, "model": model.spec}
        self._model = model

    @property
    def value_names(self) -> tuple[str, ...]:
        """Names of the values in a row of the data set, such as the columns of a table."""
        store = store_of(self.reference)
        return () if store is None else store.schema.dataset.value_names

    @cached_property
    def _model(self) -> Model:
        if self.ref is None:
            raise AnalysisError("a model", found=self.missing)
        return reopen_model(self.ref, self.host)

    def open(self) -> Model:
        """Return the model; opened and verified on first use."""
        return self._model if self._lookup is None else CodesDecoder(self._model, self._lookup)

    @cached_property
    def _lookup(self) -> Lookup | None:
        """How codes beside the z-points name what the decoder takes; None if they do not."""
        output, store = output_source_of(self.reference), store_of(self.reference)
        return None if output is None or store is None else find_lookup(store, output)

    def offers(self, reference: Source) -> dict[str, str]:
        """Return what analyses may require -> why the case lacks it (empty if it has)."""
        output = output_name(reference)
        decodable = {"decoder"} if self._lookup is not None else set()
        half = {
            name: f"the decoder does not take @{output}"
            if output and name not in decodable
            else ""
            if self.ref is not None and self.can.get(name)
            else (self.missing if self.ref is None else f"the model has no {name}")
            for name in ("encoder", "decoder")
        }
        labels = any(name.startswith("label:") for name in reference.fields)
        return {
            **half,
            "log_var": "" if "log_var" in reference.fields else _why_no_spread(output),
            "labels": "" if labels else "the source has no labels",
            "images": self._why_no_images(reference),
        }

    def _why_no_images(self, reference: Source) -> str:
        store = store_of(reference)
        if store is None:
            return "the source has no images"
        return why_no_data(store.schema.dataset, self.data)

    @cached_property
    def _dataset(self) -> Dataset:
        store = store_of(self.reference)
        if store is None:
            raise AnalysisError("images", found=f"{self.reference.label}, which has none")
        return reopen_data(store.schema.dataset, self.data, self.host)

    def images(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the images behind rows of the reference; the data set is verified first."""
        dataset, store = self._dataset, store_of(self.reference)
        assert store is not None
        return dataset.read(store.rows_of(base_rows(self.reference, rows))).x


def _why_no_spread(output: str) -> str:
    return f"@{output} has no log_var" if output else "the model is not variational"


def store_of(source: Source) -> Store | None:
    """Return the store below views of it, or None."""
    while isinstance(source, VIEWS):
        source = source.base
    return source if isinstance(source, Store) else None


def base_rows(source: Source, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row numbers in the store of rows of a view of it."""
    while isinstance(source, VIEWS):
        rows = source.chosen[rows] if isinstance(source, SubsetSource) else rows
        source = source.base
    return rows
