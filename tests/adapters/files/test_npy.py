"""Damaged .npy and .npz files: refused in one line, before their data are read where possible."""

from __future__ import annotations

import numpy as np
import pytest
from adapter_testing import everything, opener, pixels, refuser
from image_bombs import array_bomb
from image_files import numpy_header, zip_of

from latent_analyze import DatasetError
from latent_analyze_adapters.files import npy as _npy
from latent_analyze_adapters.images.arrays import ImageArrays

opened = opener(ImageArrays)
refused = refuser(opened)


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04garbage", b"\x93NUMPY\x01\x00"])
@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_damaged(tmp_path, content, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    assert ImageArrays.recognizes(str(path))
    refused(path, f"a readable {suffix} file")


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_truncated(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    (np.savez if suffix == ".npz" else np.save)(path, pixels(4, 9, 9))
    path.write_bytes(path.read_bytes()[:-100])
    refused(path, f"a readable {suffix} file")


def test_damaged_data(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=pixels(400, 90, 90))
    content = bytearray(path.read_bytes())
    content[-5000] ^= 1
    path.write_bytes(content)
    dataset = opened(path)
    with pytest.raises(DatasetError, match=r"a readable \.npz file"):
        everything(dataset)


def test_a_header_that_promises_too_much(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, pixels(4, 9, 9))
    path.write_bytes(path.read_bytes().replace(b"(4, 9, 9)", b"(4, 9, 999999999)")[:1000])
    refused(path, r"a readable \.npy file")


@pytest.mark.parametrize("seed", range(4))
def test_bombs(tmp_path, seed):
    _, content, _ = array_bomb(np.random.default_rng(seed))
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DatasetError, match=r"savez") as error:
        everything(opened(tmp_path / "a.npz"))
    assert "a.npz" in str(error.value)


def test_compressed_well_is_no_bomb(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((50, 200, 200), np.uint8))
    assert not everything(opened(tmp_path / "a.npz")).x.any()


def test_stored_arrays_are_mapped(tmp_path):
    np.savez(tmp_path / "a.npz", x=pixels(5, 8, 8))
    assert isinstance(_npy.map_rows(tmp_path / "a.npz", "x"), np.memmap)


@pytest.mark.parametrize("descr", ["(((", "()", "[()]", "None", "'no'", "'|u1', 'x': 3, 'y': ("])
def test_headers_that_numpy_cannot_read(tmp_path, descr):
    member = numpy_header(descr, "(4, 8, 8)") + bytes(256)
    (tmp_path / "a.npy").write_bytes(member)
    refused(tmp_path / "a.npy", r"a readable \.npy file")
    (tmp_path / "a.npz").write_bytes(zip_of(("x.npy", member)))
    refused(tmp_path / "a.npz", r"a readable \.npz file")


def test_negative_lengths(tmp_path):
    (tmp_path / "a.npy").write_bytes(numpy_header("'|u1'", "(4, -8, -8)") + bytes(256))
    refused(tmp_path / "a.npy", r"a readable \.npy file")


def test_a_member_without_suffix_is_another(tmp_path):
    images = numpy_header("'|u1'", "(4, 8, 8)") + bytes(range(256))
    (tmp_path / "a.npz").write_bytes(zip_of(("x", b"not these"), ("x.npy", images)))
    x = everything(opened(tmp_path / "a.npz")).x
    np.testing.assert_allclose(x.ravel(), np.arange(256) / 255, rtol=1e-6)
