from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze.store.text_codec import decode_texts, encode_texts

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))


@given(TEXTS)
def test_round_trip(texts):
    assert decode_texts(encode_texts(texts)).tolist() == texts


@given(TEXTS)
def test_same_bytes_as_zarrs_codec(texts):
    numcodecs = pytest.importorskip("numcodecs.vlen")
    values = np.array(texts, np.object_)
    assert encode_texts(texts) == bytes(numcodecs.VLenUTF8().encode(values))


@given(TEXTS.filter(len), st.data())
def test_damaged_chunks_are_value_errors_or_texts(texts, data):
    chunk = bytearray(encode_texts(texts))
    position = data.draw(st.integers(0, len(chunk) - 1))
    chunk[position] ^= data.draw(st.integers(1, 255))
    with suppress(ValueError):
        assert decode_texts(bytes(chunk)).dtype.kind == "U"


@given(TEXTS.filter(len), st.data())
def test_cut_chunks_are_value_errors(texts, data):
    chunk = encode_texts(texts)
    with pytest.raises(ValueError):
        decode_texts(chunk[: data.draw(st.integers(0, len(chunk) - 1))])


def test_undecodable_file_names_are_kept_as_escapes():
    assert decode_texts(encode_texts(["a\udcff.png"])).tolist() == ["a\\udcff.png"]
