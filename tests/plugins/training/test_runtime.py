import os
import subprocess
import sys

import pytest

from latent_analyze import MissingDependencyError, OptionError
from latent_analyze.plugin import quiet_stderr
from latent_analyze_plugins.training import runtime


@pytest.mark.parametrize("package", ["tensorflow", "keras", "tf2onnx"])
def test_a_missing_package_is_named_with_the_line_that_helps(monkeypatch, package):
    pytest.importorskip("tensorflow")
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=rf"{package}.*latent-analyze\[train\]"):
        runtime.load_keras()


def test_another_backend_is_refused_before_keras_is_imported(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(OptionError, match="backend tensorflow, found 'jax'"):
        runtime.load_keras()


@pytest.mark.usefixtures("keras_loaded")
def test_another_backend_of_an_imported_keras_is_refused(monkeypatch):
    import keras

    monkeypatch.setattr(keras.config, "backend", lambda: "torch")
    with pytest.raises(OptionError, match="found 'torch'"):
        runtime.load_keras()


def test_noise_is_dropped_and_errors_are_kept(capfd):
    noise = b"I0000 00:00:1.0 1 port.cc:153] oneDNN custom operations are on.\n"
    with quiet_stderr(runtime._NOISE):
        os.write(2, noise + b"E0000 00:00:1.0 1 dso.cc:1] Cannot load libcudnn\n")
    assert capfd.readouterr().err == "E0000 00:00:1.0 1 dso.cc:1] Cannot load libcudnn\n"


def test_the_plugin_imports_nothing_heavy():
    code = (
        "import sys, latent_analyze_plugins.training as t;"
        "print([t.AutoencoderTrainer.name, t.VariationalTrainer.name],"
        "[m for m in ('tensorflow', 'keras', 'tf2onnx', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['ae', 'vae'] []"
