"""Damaged .npy and .npz files: refused in one line, before their data are read where possible."""

from __future__ import annotations

import numpy as np
import pytest

from latent_analyze import DatasetError
from latent_analyze_adapters.image_arrays import ImageArrays


def opened(path):
    return ImageArrays(str(path))


def pixels(shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def everything(dataset):
    return dataset.read(np.arange(dataset.count))


def refused(path, match):
    with pytest.raises(DatasetError, match=match) as error:
        opened(path)
    assert "\n" not in str(error.value)


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
    (np.savez if suffix == ".npz" else np.save)(path, pixels((4, 9, 9)))
    path.write_bytes(path.read_bytes()[:-100])
    refused(path, f"a readable {suffix} file")


def test_damaged_data(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=pixels((400, 90, 90)))
    content = bytearray(path.read_bytes())
    content[-5000] ^= 1
    path.write_bytes(content)
    dataset = opened(path)
    with pytest.raises(DatasetError, match=r"a readable \.npz file"):
        everything(dataset)


def test_a_header_that_promises_too_much(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, pixels((4, 9, 9)))
    path.write_bytes(path.read_bytes().replace(b"(4, 9, 9)", b"(4, 9, 999999999)")[:1000])
    refused(path, r"a readable \.npy file")
