"""Loading TensorFlow and Keras: quietly, with the right backend, or with an error that helps."""

from __future__ import annotations

import logging
import os
import re

from latent_analyze.plugin import OptionError, missing_dependency, quiet_stderr

BACKEND = "tensorflow"

# TensorFlow writes these on import whatever its log level is set to: a header, informational
# lines, and a driver that is missing because the machine has no GPU.
_NOISE = re.compile(rb"WARNING: All log messages before|I\d{4} |E\d{4} .* UNKNOWN ERROR \(303\)")


def load_keras() -> None:
    """Import TensorFlow, Keras and tf2onnx, so that later imports cannot fail.

    Raises
    ------
    MissingDependencyError
        If one of them is not installed.
    OptionError
        If Keras is set to another backend: tf2onnx converts TensorFlow functions only.
    """
    # Both are read once, on import; level 2 keeps errors.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    _require_tensorflow(os.environ.setdefault("KERAS_BACKEND", BACKEND))
    try:
        with quiet_stderr(_NOISE):
            import keras
            import tensorflow as tf
            import tf2onnx  # noqa: F401

            tf.config.list_physical_devices()
    except ModuleNotFoundError as error:
        package = (error.name or BACKEND).partition(".")[0]
        raise missing_dependency(package, "train", "training Keras models") from error
    _require_tensorflow(keras.config.backend())
    for name in ("tf2onnx", "absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _require_tensorflow(backend: str) -> None:
    if backend != BACKEND:
        raise OptionError(
            f"Keras with the backend {BACKEND}",
            found=repr(backend),
            next_step=f"set KERAS_BACKEND={BACKEND} and start Python anew",
        )
