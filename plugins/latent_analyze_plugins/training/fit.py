"""Running the training: seeded batches, progress, and the record of it; needs Keras loaded."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray

from latent_analyze.plugin import LatentAnalyzeError, ModelError, Progress, keyed_rng
from latent_analyze_plugins.training.images import TrainingImages


def fit(model: Any, images: TrainingImages, progress: Progress) -> dict[str, Any]:
    """Train `model` and return what is to be written down about it, as plain data.

    Raises
    ------
    ModelError
        If the loss becomes infinite or NaN.
    """
    options = model.options
    rows, held_out = images.divide(options.validation_share, options.seed)
    batches = Batches(images, rows, batch=options.batch, seed=options.seed)
    validation = Batches(images, held_out, batch=options.batch) if len(held_out) else None
    watch = Watch(partial(progress, f"train {model.name}"), options.epochs * len(batches))
    history = _run(model, batches, validation, watch=watch)
    return {
        "options": options.model_dump(mode="json"),
        "filters_used": list(model.filters),
        "rows": len(rows),
        "validation_rows": len(held_out),
        "data": images.source,
        "history": {k: [float(v) for v in values] for k, values in history.items()},
        "versions": {m.__name__: m.__version__ for m in (tf, keras, tf2onnx)},
    }


def _run(
    model: Any, batches: Batches, validation: Batches | None, *, watch: Watch
) -> dict[str, Any]:
    optimizer = keras.optimizers.Adam(model.options.learning_rate)
    model.compile(optimizer=optimizer, jit_compile=False)
    try:
        # Left to itself, Keras shuffles batches by Python's global generator.
        history = model.fit(
            batches, epochs=model.options.epochs, validation_data=validation,
            callbacks=[watch], shuffle=False, verbose=0,
        )  # fmt: skip
    except tf.errors.OpError:
        # TensorFlow replaces what a reader of images raises by an error of its own.
        for feed in (batches, validation):
            if feed is not None and feed.error is not None:
                raise feed.error from None
        raise
    return history.history


class Batches(keras.utils.PyDataset):
    """Batches of images; with a seed shuffled, in each epoch in another order.

    The last batch of an epoch may be shorter.
    """

    def __init__(
        self,
        images: TrainingImages,
        rows: NDArray[np.int64],
        *,
        batch: int,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self.images, self.rows, self.batch, self.seed = images, rows, batch, seed
        self.epoch = 0
        self.error: LatentAnalyzeError | None = None
        self.order = self._shuffled()

    def __len__(self) -> int:
        return math.ceil(len(self.rows) / self.batch)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32]]:
        rows = self.order[index * self.batch : (index + 1) * self.batch]
        try:
            return (self.images.fetch(rows),)
        except LatentAnalyzeError as error:
            self.error = error
            raise

    def on_epoch_end(self) -> None:
        """Go on to the order of the next epoch."""
        self.epoch += 1
        self.order = self._shuffled()

    def _shuffled(self) -> NDArray[np.int64]:
        if self.seed is None:
            return self.rows
        return keyed_rng(self.seed, "epoch", self.epoch).permutation(self.rows)


class Watch(keras.callbacks.Callback):
    """Reports every batch and stops the training where the loss is lost."""

    def __init__(self, progress: Callable[[int, int], None], total: int) -> None:
        super().__init__()
        self.progress, self.total, self.done = progress, total, 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Report a batch; raise ModelError if the loss is no number any more."""
        del batch
        self.done += 1
        loss = float((logs or {})["loss"])
        if not math.isfinite(loss):
            raise ModelError(
                "a finite loss",
                found=f"{loss} in step {self.done} of {self.total}",
                next_step="lower learning_rate",
            )
        self.progress(self.done, self.total)
