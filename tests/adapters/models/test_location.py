"""Which files of a path are the model, and what they are taken for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from adapter_testing import images, one_line
from onnx import TensorProto, helper

from latent_analyze import ModelError
from latent_analyze.plugin import Host
from latent_analyze.runs.opening import absolute, model_exists, open_model
from latent_analyze_adapters.models.graph import Graph, Tensor
from latent_analyze_adapters.models.location import find_bundle, folder_of, is_model_for
from latent_analyze_adapters.models.roles import is_decoder, role_in_name
from latent_analyze_adapters.models.session_cache import SessionCache
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxOpener, OnnxRuntime

PAIRS = [
    ("a_encoder.onnx", "a_decoder.onnx", "a"),
    ("encoder_a.onnx", "decoder_a.onnx", "a"),
    ("a-enc.onnx", "a-dec.onnx", "a"),
    ("MnistEncoder.onnx", "MnistDecoder.onnx", "Mnist"),
    ("mnistEnc.onnx", "mnistDec.onnx", "mnist"),
    ("autoencoder_kl_encoder.onnx", "autoencoder_kl_decoder.onnx", "autoencoder_kl"),
    ("vae_encoder/model.onnx", "vae_decoder/model.onnx", "vae"),
    ("encoder/model.onnx", "decoder/model.onnx", ""),
    ("encoder/net.onnx", "decoder/net.onnx", ""),
    ("encoder.onnx", "generator.onnx", ""),
    ("vae_encoder.onnx", "vae_decoder/model.onnx", "vae"),
]


def write(linear, path: Path, role: str) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    linear.encoder(path) if role == "encoder" else linear.decoder(path)


def find(path, role=None):
    opener = OnnxOpener(folder_of(path), "cpu", True)
    return find_bundle(path, opener, SessionCache(opener).file, role=role)


def files(bundle):
    return tuple(part.file if part else None for part in (bundle.encoder, bundle.decoder))


@pytest.mark.parametrize(
    ("name", "role", "rest"),
    [
        ("vae_encoder", "encoder", "vae"),
        ("encoder-v2", "encoder", "v2"),
        ("a.dec.b", "decoder", "a_b"),
        ("GanGenerator", "decoder", "Gan"),
        ("text_encoder", "encoder", "text"),
        ("VAEEncoder", "encoder", "VAE"),
        ("encoder", "encoder", ""),
        ("autoencoder", None, "autoencoder"),
        ("auto-encoder", None, "auto-encoder"),
        ("encoder_decoder", None, "encoder_decoder"),
        ("codec", None, "codec"),
        ("fence", None, "fence"),
        ("model", None, "model"),
    ],
)
def test_roles_in_names(name, role, rest):
    assert role_in_name(name) == (role, rest)


@pytest.mark.parametrize(("encoder", "decoder", "name"), PAIRS)
def test_one_pair_in_a_folder(make_linear, tmp_path, encoder, decoder, name):
    linear, folder = make_linear(), tmp_path / "mine"
    write(linear, folder / encoder, "encoder")
    write(linear, folder / decoder, "decoder")
    write(linear, folder / "text_encoder" / "model.onnx", "encoder")
    (folder / "notes.txt").touch()
    bundle = find(folder)
    assert files(bundle) == (encoder, decoder)
    assert bundle.name == (name or "mine")
    assert is_model_for(folder, "onnx")
    assert not is_model_for(folder, "keras")
    model = OnnxRuntime().open(folder)
    np.testing.assert_allclose(model.encode(images()).mu, linear.mu(images()), atol=1e-5)


def test_usual_names_come_first(make_linear, tmp_path):
    linear = make_linear()
    for name in ("encoder", "decoder", "a_encoder", "a_decoder"):
        write(linear, tmp_path / f"{name}.onnx", name[-7:])
    assert files(find(tmp_path)) == ("encoder.onnx", "decoder.onnx")
    (tmp_path / "decoder.onnx").unlink()
    assert files(find(tmp_path)) == ("encoder.onnx", None)


def test_several_pairs_are_listed_with_their_commands(make_linear, tmp_path):
    linear = make_linear()
    for name in ("a", "b"):
        write(linear, tmp_path / f"{name}_encoder.onnx", "encoder")
        write(linear, tmp_path / f"{name}_decoder.onnx", "decoder")
    with pytest.raises(ModelError, match="found 2 pairs") as error:
        OnnxRuntime().open(tmp_path)
    first = f"{tmp_path}/a_encoder.onnx+{tmp_path}/a_decoder.onnx"
    assert f"latent-analyze encode {first} DATA, or latent-analyze" in one_line(error)
    assert files(find(Path(first))) == ("a_encoder.onnx", "a_decoder.onnx")


def test_the_only_file_in_a_folder(make_linear, tmp_path):
    write(make_linear(), tmp_path / "some.onnx", "encoder")
    (tmp_path / "config.json").touch()
    assert files(find(tmp_path)) == ("some.onnx", None)
    write(make_linear(), tmp_path / "other.onnx", "encoder")
    with pytest.raises(ModelError, match=r"found 2 files \(\.onnx\)") as error:
        OnnxRuntime().open(tmp_path)
    assert f"latent-analyze encode {tmp_path}/some.onnx DATA" in one_line(error)


def test_two_files_in_two_folders(make_linear, tmp_path, monkeypatch):
    linear = make_linear()
    write(linear, tmp_path / "x" / "first.onnx", "encoder")
    write(linear, tmp_path / "y" / "z" / "second.onnx", "decoder")
    monkeypatch.chdir(tmp_path)
    text = "x/first.onnx+y/z/second.onnx"
    bundle = find(Path(text))
    assert files(bundle) == ("x/first.onnx", "y/z/second.onnx")
    assert bundle.name == "first"
    model, ref = open_model(text, Host())
    np.testing.assert_allclose(model.encode(images()).mu, linear.mu(images()), atol=1e-5)
    assert model.decode(model.encode(images()).mu).shape == images().shape
    here = tmp_path.resolve()
    assert ref.path == absolute(text) == f"{here}/x/first.onnx+{here}/y/z/second.onnx"
    assert model_exists(ref.path, Host())
    monkeypatch.chdir("/")
    assert open_model(ref.path, Host())[1] == ref
    (tmp_path / "y" / "z" / "second.onnx").unlink()
    assert not model_exists(ref.path, Host())
    with pytest.raises(ModelError, match=r"found nothing at .*second"):
        open_model(ref.path, Host())


def test_two_files_whose_names_say_that_they_are_swapped(make_linear, tmp_path):
    linear = make_linear()
    write(linear, tmp_path / "a_encoder.onnx", "encoder")
    write(linear, tmp_path / "a_decoder.onnx", "decoder")
    bundle = find(Path(f"{tmp_path}/a_decoder.onnx+{tmp_path}/a_encoder.onnx"))
    assert files(bundle) == ("a_encoder.onnx", "a_decoder.onnx")
    assert bundle.name == "a"


def test_two_files_of_two_runtimes(make_linear, tmp_path):
    write(make_linear(), tmp_path / "encoder.onnx", "encoder")
    (tmp_path / "decoder.keras").touch()
    with pytest.raises(ModelError, match=r"that onnx opens, found .*decoder\.keras"):
        OnnxRuntime().open(Path(f"{tmp_path}/encoder.onnx+{tmp_path}/decoder.keras"))


def identity(save, path, taken, given, dtype=TensorProto.FLOAT):
    """Write a graph of these shapes; what it computes does not matter."""
    size = int(np.prod(given[1:]))
    nodes = [
        helper.make_node("Cast", ["x"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["real"], ["flat"]),
        helper.make_node("ReduceMean", ["flat"], ["mean"], keepdims=1),
        helper.make_node("Expand", ["mean", "wide"], ["all"]),
        helper.make_node("Reshape", ["all", "shape"], ["y"]),
    ]
    constants = [
        helper.make_tensor("wide", TensorProto.INT64, [2], [1, size]),
        helper.make_tensor("shape", TensorProto.INT64, [len(given)], [-1, *given[1:]]),
    ]
    infos = [
        helper.make_tensor_value_info("x", dtype, taken),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, given),
    ]
    return save(path, helper.make_graph(nodes, "g", infos[:1], infos[1:], constants))


@pytest.mark.parametrize(
    ("name", "taken", "given", "role"),
    [
        ("embedding_model.onnx", ("N", 8, 4, 1), ("N", 1, 1, 6), "encoder"),
        ("model.onnx", ("N", 20), ("N", 6), "encoder"),
        ("my_decoder.onnx", ("N", 3, 8, 8), ("N", 6), "encoder"),
        ("my_decoder.onnx", ("N", 20), ("N", 6), "encoder"),
        ("my_decoder.onnx", ("N", 6), ("N", 20), "decoder"),
        ("my_decoder.onnx", ("N", 6), ("N", 3, 8, 8), "decoder"),
        ("generator.onnx", ("N", 6), ("N", 8, 8), "decoder"),
        ("model.onnx", ("N", 6), ("N", 3, 8, 8), "decoder"),
        ("model.onnx", ("N", 6), ("N", 5, 8), "encoder"),
        ("some_encoder.onnx", ("N", 6), ("N", 3, 8, 8), "encoder"),
        ("some_encoder.onnx", ("N", 6), ("N", 6), "encoder"),
    ],
)
def test_a_file_that_data_are_encoded_with(save_onnx, tmp_path, name, taken, given, role):
    bundle = find(identity(save_onnx, tmp_path / name, taken, given), role="encoder")
    assert files(bundle) == ((name, None) if role == "encoder" else (None, name))


def test_tokens_with_a_vector_each_are_encoded(save_onnx, tmp_path):
    path = identity(save_onnx, tmp_path / "m.onnx", ("N", 7), ("N", 7, 3, 2), TensorProto.INT64)
    assert files(find(path, role="encoder")) == ("m.onnx", None)
    assert not is_decoder(
        Graph("m", (Tensor("x", "int32", (None, 7)),), (Tensor("y", "float32", (None, 7, 3)),))
    )


@pytest.mark.parametrize("shape", [("N", 6), ("N", 3, 8, 8)])
def test_a_whole_autoencoder_is_no_encoder(save_onnx, tmp_path, shape):
    path = identity(save_onnx, tmp_path / "net.onnx", shape, shape)
    with pytest.raises(ModelError, match="a whole autoencoder"):
        find(path, role="encoder")


def test_a_damaged_file_is_reported_as_such(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"\x08\x07nothing")
    with pytest.raises(ModelError) as error:
        find(tmp_path / "x.onnx", role="encoder")
    assert "x.onnx" in one_line(error)


def test_a_file_called_model_in_a_folder_with_a_role(save_onnx, tmp_path):
    (tmp_path / "vae_decoder").mkdir()
    path = tmp_path / "vae_decoder" / "model.onnx"
    identity(save_onnx, path, ("N", 4, 2, 2), ("N", 3, 8, 8))
    assert files(find(path)) == (None, "model.onnx")


@pytest.mark.parametrize("text", ["", "\0", "gone", "gone+gone", "x" * 5000])
def test_recognizing_never_fails(text):
    assert not is_model_for(Path(text), "onnx")


def test_links_from_a_cache_of_downloads(make_linear, tmp_path):
    write(make_linear(), tmp_path / "blobs" / "abc", "encoder")
    (tmp_path / "snapshot").mkdir()
    link = tmp_path / "snapshot" / "encoder.onnx"
    link.symlink_to("../blobs/abc")
    ref = open_model(str(link), Host())[1]
    assert open_model(ref.path, Host())[1] == ref
