"""The Keras trainers `ae` and `vae`: autoencoders of images, exported to ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from latent_analyze.plugin import Dataset, Options, Progress, Trainer, no_progress
from latent_analyze_plugins.training.images import check_images, open_images
from latent_analyze_plugins.training.output import require_free, staged, writing
from latent_analyze_plugins.training.runtime import load_keras


class AutoencoderOptions(Options):
    """Options of the trainer `ae`."""

    z_dim: PositiveInt = Field(16, description="number of latent dimensions")
    epochs: PositiveInt = Field(20, description="passes over the training images")
    batch: PositiveInt = Field(128, description="images per step of the optimizer")
    learning_rate: PositiveFloat = Field(
        1e-3, description="step size of the Adam optimizer", allow_inf_nan=False
    )
    seed: NonNegativeInt = Field(
        0, description="seed of weights, shuffling and epsilon; same seed, same model"
    )
    filters: tuple[PositiveInt, ...] = Field(
        (32, 64, 128, 256),
        min_length=1,
        description="channels of the stride-2 convolutions; the last ones are left out for"
        " images too small for them",
    )
    validation_share: float = Field(
        0.0, ge=0, lt=1, description="share of the training images held out to record their loss"
    )


class VariationalOptions(AutoencoderOptions):
    """Options of the trainer `vae`."""

    kl_weight: NonNegativeFloat = Field(
        1.0, description="weight of the KL divergence in the loss", allow_inf_nan=False
    )
    epsilon_bound: NonNegativeFloat = Field(
        3.0,
        description="draws z = mu + exp(log_var/2) epsilon take epsilon from a standard normal"
        " distribution truncated to [-bound, bound]; 0: not truncated",
        allow_inf_nan=False,
    )


class AutoencoderTrainer(Trainer):
    """Train a convolutional autoencoder with Keras and export it to ONNX.

    The loss is the binary cross-entropy, averaged over channels, summed over pixels, averaged over
    the batch. Where the data set has a label "split", only its rows "train" are used.
    """

    name = "ae"
    Options = AutoencoderOptions
    model: ClassVar[str] = "Autoencoder"

    def train(self, dataset: Dataset, output: Path, progress: Progress = no_progress) -> None:
        """Train on the images of `dataset` and write a bundle folder, whole or not at all.

        Parameters
        ----------
        dataset
            Images (H, W, C) in [0, 1] of at least 4 x 4 pixels.
        output
            A folder that does not exist or is empty.
        progress
            Called per block of images read, then per batch of all epochs.

        Raises
        ------
        OptionError
            If `output` is in use, no row is left to train on, or Keras runs on another backend
            than TensorFlow.
        MissingDependencyError
            If TensorFlow, Keras or tf2onnx is not installed.
        DatasetError
            If there are no images, or they are too few, too small or not in [0, 1].
        ModelError
            If the loss becomes infinite or NaN.
        StoreError
            If the bundle cannot be written.
        """
        require_free(output)
        check_images(dataset)
        load_keras()
        from latent_analyze_plugins.training import models
        from latent_analyze_plugins.training.export import export_bundle
        from latent_analyze_plugins.training.fit import fit

        with staged(output) as folder:
            images = open_images(dataset, progress)
            model = getattr(models, self.model)(images.shape, self.options)
            training = {"trainer": self.name, **fit(model, images, progress)}
            with writing(output):
                export_bundle(model, images, folder, training)


class VariationalTrainer(AutoencoderTrainer):
    """Train a convolutional variational autoencoder with Keras and export it to ONNX.

    The loss is that of `ae` plus `kl_weight` times the KL divergence of the posterior from the
    standard normal prior, summed over latent dimensions and averaged over the batch (Kingma &
    Welling 2014; the weight: Higgins et al. 2017). The exported encoder gives mu and log_var.
    """

    name = "vae"
    Options = VariationalOptions
    model = "VariationalAutoencoder"
