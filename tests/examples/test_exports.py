"""Models exported by somebody else's code, from scripts to reports, by the commands of README."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import latent_analyze as la
from latent_analyze.plugin import Host
from latent_analyze.runs.opening import open_model

EXPORTS = Path(__file__).parents[2] / "examples" / "exports"
PCA_COMMANDS, GENERATOR_COMMANDS = re.findall(
    r"```sh\n(.*?)```", (EXPORTS / "README.md").read_text("utf-8"), re.DOTALL
)
PIXELS = load_digits().data.astype("float32") / 16


def run(commands: str, folder: Path) -> None:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(
        ["bash", "-e"], input=re.sub(r"^python (?=\w+\.py)", f"python {EXPORTS}/", commands),
        capture_output=True, text=True, cwd=folder, env={**os.environ, "PATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def decode(model: Path, z: np.ndarray) -> np.ndarray:
    images = open_model(str(model), Host())[0].decode(z)
    assert images.shape == (len(z), 8, 8, 1)
    return images.reshape(len(z), -1)


def test_a_pca_gives_the_numbers_of_scikit_learn(tmp_path: Path) -> None:
    run(PCA_COMMANDS, tmp_path)
    pca = PCA(n_components=16, random_state=0).fit(PIXELS)
    expected = pca.transform(PIXELS)
    store = la.open_store(tmp_path / "pca.zarr")
    z = store.take(np.arange(store.count), frozenset({"z"})).z
    np.testing.assert_allclose(z, expected, atol=1e-4 * expected.std())
    images = pca.inverse_transform(expected)
    np.testing.assert_allclose(decode(tmp_path / "pca", z), images, atol=1e-4)
    page = (tmp_path / "pca-report" / "report.html").read_text("utf-8")
    assert all(name in page for name in ("radius", "reconstruct", "random_decode", "skl2onnx"))


def test_a_decoder_alone_is_sampled(tmp_path: Path) -> None:
    run(GENERATOR_COMMANDS, tmp_path)
    z = PCA(n_components=8, whiten=True, random_state=0).fit_transform(PIXELS)
    error = ((decode(tmp_path / "generator", z) - PIXELS) ** 2).mean()
    # Better than the best linear decoder of as many components.
    left = PCA(n_components=8).fit(PIXELS).noise_variance_ * (1 - 8 / 64)
    assert error < left
    page = (tmp_path / "generator-report" / "report.html").read_text("utf-8")
    assert "cannot be told without data" in page
