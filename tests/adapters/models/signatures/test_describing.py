"""What a signature says: its choices and how each is known, candidates, settings to keep."""

from __future__ import annotations

import numpy as np
import pytest
from signature_models import (
    DIM,
    SIGNED,
    Format,
    World,
    found,
    known,
    opened,
    write_decoder,
    write_encoder,
    write_pair,
)

from latent_analyze.plugin import Choice, write_bundle
from latent_analyze_adapters.models.signatures.describing import SHOWN, too_alike
from latent_analyze_adapters.models.signatures.describing import _distinct as distinct
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime

GRAY = World()


def mean(net, mu):
    del net
    return mu


def spread(net, mu):
    return net.op("Add", net.op("Mul", mu, net.const(0.1)), net.const(-4.0))


def half(net, mu):
    return net.op("Concat", mu, spread(net, mu), axis=1)


def test_what_the_trial_chose(tmp_path):
    folder = write_pair(tmp_path, GRAY, SIGNED, a=spread, b=mean)
    signature = found(folder, GRAY.sample())
    values = {choice.key: choice.value for choice in signature.choices}
    assert values["encoder.range"] == values["decoder.range"] == "values in [-1, 1]"
    assert values["encoder.mu"] == "'b' is the mean"
    for key in ("encoder.range", "decoder.range", "encoder.mu"):
        (choice,) = (c for c in signature.choices if c.key == key)
        assert choice.known == "trial"
        assert "explain 100% of the variance" in choice.why
    assert signature.rows == GRAY.count
    assert signature.explained == pytest.approx(1, abs=1e-4)


def test_candidates_are_the_best_and_sorted(tmp_path):
    signature = found(write_pair(tmp_path, GRAY, SIGNED, a=spread, b=mean), GRAY.sample())
    shares = [c.explained for c in signature.candidates]
    assert shares == sorted(shares, reverse=True)
    assert len({c.text for c in signature.candidates}) == len(shares) <= SHOWN
    assert shares[0] == pytest.approx(1, abs=1e-4)
    tried = signature.describe()["tried"]
    assert tried == [str(c) for c in signature.candidates]
    assert "1.000" in tried[0]


def test_lines_are_few_and_printable(tmp_path):
    signature = found(write_pair(tmp_path, GRAY, SIGNED, a=spread, b=mean), GRAY.sample())
    assert 1 <= len(signature.lines) <= 5
    assert all(line.isprintable() for line in signature.lines)
    text = " ".join(signature.lines)
    assert "[-1, 1]" in text
    assert "'b'" in text


def test_a_problem_comes_first_and_alone_of_the_assumed(tmp_path):
    write_encoder(tmp_path / "encoder.onnx", GRAY)
    write_decoder(tmp_path / "decoder.onnx", World(seed=5))
    signature = found(tmp_path, GRAY.sample())
    assert signature.problem in signature.lines[0]
    assert signature.describe()["problem"] == signature.problem
    assert {c.key for c in signature.assumed} >= {"encoder.range", "decoder.range"}


NAMED = [{"mu": mean}, {"mean": mean, "z_std": spread}, {"log_var": spread, "y": mean}]
UNNAMED = {"b": spread, "a": mean}


@pytest.mark.parametrize(
    ("heads", "alone"), [(h, a) for h in NAMED for a in (True, False)] + [(UNNAMED, False)]
)
def test_the_bundle_states_all_of_it(tmp_path, heads, alone):
    """Written as model.toml, it gives the same model without a trial."""
    write_pair(tmp_path, GRAY, SIGNED, **heads)
    if alone:
        (tmp_path / "decoder.onnx").unlink()
    first = opened(tmp_path, GRAY.sample())
    write_bundle(tmp_path, first.signature.bundle)
    second = OnnxRuntime().open(tmp_path, trust=True)
    one, two = first.encode(GRAY.x), second.encode(GRAY.x)
    np.testing.assert_array_equal(one.mu, two.mu)
    assert (one.log_var is None) == (two.log_var is None)
    if one.log_var is not None:
        np.testing.assert_array_equal(one.log_var, two.log_var)
    if not alone:
        np.testing.assert_array_equal(first.decode(one.mu), second.decode(one.mu))
    assert not any("assumed" in note for note in second.spec.notes)


def test_the_bundle_of_halves(tmp_path):
    write_encoder(tmp_path / "encoder.onnx", GRAY, heads={"y": half}, shapes={"y": (2 * DIM,)})
    write_decoder(tmp_path / "decoder.onnx", GRAY)
    first = opened(tmp_path, GRAY.sample())
    write_bundle(tmp_path, first.signature.bundle)
    second = OnnxRuntime().open(tmp_path, trust=True)
    one, two = first.encode(GRAY.x), second.encode(GRAY.x)
    np.testing.assert_array_equal(one.mu, two.mu)
    np.testing.assert_array_equal(one.log_var, two.log_var)


def test_the_bundle_of_arrays(tmp_path):
    world = World(shape=(5, 4), spread=3.0, middle=-2.0)
    first = opened(write_pair(tmp_path, world, Format(layout="array")), world.sample(kind="arrays"))
    write_bundle(tmp_path, first.signature.bundle)
    second = OnnxRuntime().open(tmp_path, trust=True)
    np.testing.assert_array_equal(first.encode(world.x).mu, second.encode(world.x).mu)
    assert second.spec.input.shape == (5, 4)


def test_the_surest_choice_of_a_key_is_kept():
    def choice(key, how):
        return Choice(key=key, value="v", known=how)

    every = [choice("a", "name"), choice("a", "trial"), choice("b", "assumed"), choice("c", "data"),
             choice("a", "assumed"), choice("c", "graph")]  # fmt: skip
    assert [(c.key, c.known) for c in distinct(every)] == [
        ("b", "assumed"), ("a", "trial"), ("c", "graph"),
    ]  # fmt: skip


def test_rows_that_show_nothing():
    assert "One row" in too_alike(GRAY.x[:1])
    assert "equal" in too_alike(np.ones((4, 3), np.float32))
    assert too_alike(GRAY.x) == ""


def test_an_encoder_alone_has_no_score(tmp_path):
    path = write_encoder(tmp_path / "e.onnx", GRAY)
    signature = found(path, GRAY.sample())
    assert (signature.explained, signature.rows, signature.candidates) == (None, 0, ())
    assert signature.problem == ""
    assert known(signature)["encoder.range"] == "data"
