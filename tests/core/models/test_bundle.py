from __future__ import annotations

from pathlib import Path

import pytest

from latent_analyze import ModelError
from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, read_bundle, write_bundle

FULL = Bundle(
    name="vae — digits",
    image_shape=(8, 8, 1),
    latent_shape=(4,),
    encoder=EncoderSpec(file="encoder.onnx", mu="mu", log_var="log_var", layout="CHW"),
    decoder=DecoderSpec(file="decoder.onnx", range=(-1.0, 1.0)),
    check="check.npz",
    training={"epochs": 3, "losses": [1.5, 0.25], "kl": {"weight": 1e-7}},
)


@pytest.mark.parametrize("bundle", [FULL, Bundle(), Bundle(encoder=EncoderSpec(file="e.onnx"))])
def test_round_trip(tmp_path: Path, bundle: Bundle) -> None:
    write_bundle(tmp_path, bundle)
    assert read_bundle(tmp_path) == bundle


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    write_bundle(tmp_path / "a", FULL)
    write_bundle(tmp_path / "b", FULL)
    assert (tmp_path / "a/model.toml").read_bytes() == (tmp_path / "b/model.toml").read_bytes()


def test_missing_sidecar(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"bundle folder with model\.toml.*latent-analyze train"):
        read_bundle(tmp_path)


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe\x00"])
def test_damaged_sidecar(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.toml").write_bytes(content)
    with pytest.raises(ModelError, match="valid TOML"):
        read_bundle(tmp_path)


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("unknown = 1", "unknown"),
        ("[encoder]\nmu = 'mu'", r"'encoder'.*file"),
        ("format = 2", "format"),
        ("[decoder]\nfile = 'd'\nlayout = 'WHC'", r"decoder\.layout"),
        ("latent_shape = [-2, -4]", r"latent_shape\.0"),
        ("[encoder]\nfile = 'e'\nstd = [nan]", r"encoder\.std\.0"),
        ("[encoder]\nfile = 'e'\nrange = [-inf, inf]", r"encoder\.range\.0"),
        ("[encoder]\nfile = 'e'\nbatch = 10000000000", r"encoder\.batch"),
    ],
)
def test_wrong_keys_are_named(tmp_path: Path, content: str, key: str) -> None:
    (tmp_path / "model.toml").write_text(content)
    with pytest.raises(ModelError, match=key):
        read_bundle(tmp_path)
