"""The search as a whole: what beats what, what explains nothing, and that it repeats itself."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
from adapter_testing import one_line
from signature_models import (
    DIM,
    RAW,
    SIGNED,
    UNIT,
    World,
    found,
    known,
    opened,
    write_decoder,
    write_encoder,
)

from latent_analyze import ModelError
from latent_analyze.plugin import write_bundle
from latent_analyze_adapters.models.signatures import find
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime

GRAY = World()
NOTHING = "No signature explains the data"


def mean(net, mu):
    del net
    return mu


def spread(net, mu):
    return net.op("Add", net.op("Mul", mu, net.const(0.1)), net.const(-4.0))


def model_of(folder, heads=None, seed=0, form=UNIT):
    write_encoder(folder / "encoder.onnx", GRAY, form, heads)
    write_decoder(folder / "decoder.onnx", World(seed=seed), form)
    return folder


def same(one, two):
    assert one.model_dump() == two.model_dump()
    assert one.fingerprint == two.fingerprint


class TestNothingExplains:
    def test_a_decoder_of_another_model(self, tmp_path):
        signature = found(model_of(tmp_path, seed=5), GRAY.sample())
        assert signature.problem.startswith(NOTHING)
        assert "encoder and decoder belong together" in signature.problem
        assert known(signature)["encoder.range"] == "assumed"
        assert known(signature)["decoder.range"] == "assumed"

    @pytest.mark.parametrize("seed", range(3))
    def test_a_random_decoder(self, tmp_path, seed):
        def noise(net, y):
            draw = net.const(np.random.default_rng(seed).standard_normal((DIM, GRAY.size)))
            return net.op("Sigmoid", net.op("MatMul", net.op("Slice", y, *bounds(net)), draw))

        write_encoder(tmp_path / "encoder.onnx", GRAY)
        write_decoder(tmp_path / "decoder.onnx", GRAY, after=noise)
        assert found(tmp_path, GRAY.sample()).problem.startswith(NOTHING)

    @pytest.mark.parametrize("count", [2, 50])
    def test_equal_rows(self, tmp_path, count):
        sample = GRAY.sample(x=np.repeat(GRAY.x[:1], count, axis=0))
        signature = found(model_of(tmp_path), sample)
        assert f"All {count} rows tried are equal" in signature.problem
        assert signature.explained is None
        assert signature.bundle.encoder.range == (0.0, 1.0)

    def test_one_row(self, tmp_path):
        signature = found(model_of(tmp_path), GRAY.sample(x=GRAY.x[:1]))
        assert "One row cannot show" in signature.problem
        assert all(c.known == "assumed" for c in signature.choices if c.key == "encoder.range")

    def test_nan_outputs(self, tmp_path):
        def root(net, y):
            return net.op("Sqrt", net.op("Sub", y, net.const(1e6)))

        write_encoder(tmp_path / "encoder.onnx", GRAY)
        write_decoder(tmp_path / "decoder.onnx", GRAY, after=root)
        signature = found(tmp_path, GRAY.sample())
        assert signature.problem.startswith(NOTHING)
        assert signature.explained is None
        assert all(c.explained is None for c in signature.candidates)

    def test_two_results_for_one_seed_do_not_happen(self, tmp_path):
        folder = model_of(tmp_path, {"a": mean, "b": spread}, seed=5)
        first = found(folder, GRAY.sample())
        for _ in range(2):
            same(first, found(folder, GRAY.sample()))


def bounds(net):
    return (net.const([0], np.int64), net.const([DIM], np.int64), net.const([1], np.int64))


@pytest.mark.parametrize("form", [UNIT, SIGNED, RAW])
def test_the_search_repeats_itself(tmp_path, form):
    folder = model_of(tmp_path, {"a": spread, "b": mean}, form=form)
    same(found(folder, GRAY.sample()), found(folder, GRAY.sample()))


SCRIPT = """
import pickle, sys
from pathlib import Path
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime
path, sample = pickle.load(open(sys.argv[1], "rb"))
print(OnnxRuntime().open_for(Path(path), sample, trust=True).signature.model_dump_json())
"""


def test_another_process_finds_the_same(tmp_path):
    folder = model_of(tmp_path / "model", {"a": spread, "b": mean}, form=SIGNED)
    given = tmp_path / "given.pickle"
    # A mapping proxy cannot be pickled.
    sample = GRAY.sample(labels={}, inputs={})
    given.write_bytes(pickle.dumps((str(folder), sample)))
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(given)], capture_output=True, text=True, check=True
    )
    own = found(folder, sample)
    # Its clock is that of the machine, so it may have tried fewer rows.
    assert own.model_validate_json(ran.stdout).bundle == own.bundle


class TestIdentity:
    def test_settings_change_the_signature_and_not_the_model(self, tmp_path):
        folder = model_of(tmp_path)
        first = opened(folder, GRAY.sample())
        bundle = first.bundle.model_copy(
            update={"encoder": first.bundle.encoder.model_copy(update={"range": (-1.0, 1.0)})}
        )
        write_bundle(folder, bundle)
        second = opened(folder, GRAY.sample())
        assert second.fingerprint == first.fingerprint
        assert second.signature.fingerprint != first.signature.fingerprint

    def test_what_was_found_and_then_stated_is_the_same_signature(self, tmp_path):
        folder = model_of(tmp_path, {"a": spread, "b": mean}, form=SIGNED)
        first = opened(folder, GRAY.sample())
        write_bundle(folder, first.signature.bundle)
        second = opened(folder, GRAY.sample())
        assert second.signature.bundle == first.signature.bundle
        assert second.signature.fingerprint == first.signature.fingerprint
        assert not {"encoder.mu", "encoder.range", "decoder.range"} & known(second.signature).keys()
        np.testing.assert_array_equal(first.encode(GRAY.x).mu, second.encode(GRAY.x).mu)

    def test_other_weights_are_another_model(self, tmp_path):
        first = opened(model_of(tmp_path / "a"), GRAY.sample())
        second = opened(model_of(tmp_path / "b", seed=3), GRAY.sample())
        assert first.fingerprint != second.fingerprint

    def test_reopening_tries_nothing(self, tmp_path, monkeypatch):
        folder = model_of(tmp_path, {"a": spread, "b": mean}, form=SIGNED)
        model = opened(folder, GRAY.sample())
        monkeypatch.setattr(find.Search, "signature", None)
        again = OnnxRuntime().reopen(folder, pickle.loads(pickle.dumps(model.signature)))
        assert again.signature == model.signature
        assert again.fingerprint == model.fingerprint
        one, two = model.encode(GRAY.x), again.encode(GRAY.x)
        np.testing.assert_array_equal(one.mu, two.mu)
        np.testing.assert_array_equal(one.log_var, two.log_var)
        np.testing.assert_array_equal(model.decode(one.mu), again.decode(one.mu))


class TestSteps:
    """A costly model is tried on fewer rows."""

    @pytest.mark.parametrize(
        ("seconds", "rows"), [(0.0, 300), (0.01, 128), (0.02, 64), (0.05, 16), (10.0, 8)]
    )
    def test_rows(self, tmp_path, take, seconds, rows):
        take(seconds)
        signature = found(model_of(tmp_path), World(count=400).sample())
        assert signature.rows == rows
        assert signature.explained > 0.99

    def test_a_clear_choice_does_not_depend_on_the_speed(self, tmp_path, take):
        folder = model_of(tmp_path, {"a": spread, "b": mean}, form=SIGNED)
        bundles = []
        for seconds in (0.0, 0.01, 0.05, 10.0):
            take(seconds)
            bundles.append(found(folder, World(count=400).sample()).bundle)
        assert all(bundle == bundles[0] for bundle in bundles)


class TestStatedWrongly:
    @pytest.mark.parametrize(
        "stated", [{"encoder__range": "[0,255]"}, {"decoder__activation": "tanh"}]
    )
    def test_a_better_signature_is_named(self, tmp_path, stated):
        signature = found(model_of(tmp_path, form=SIGNED), GRAY.sample(), **stated)
        (key,) = (key.replace("__", ".") for key in stated)
        assert key in signature.problem
        assert "Correct it in model.toml or --signature" in signature.problem

    def test_a_wrong_mean(self, tmp_path):
        folder = model_of(tmp_path, {"a": spread, "b": mean})
        signature = found(folder, GRAY.sample(), encoder__mu="a")
        assert signature.bundle.encoder.mu == "a"
        assert "encoder.mu" in signature.problem

    def test_a_right_one_is_no_problem(self, tmp_path):
        folder = model_of(tmp_path, {"a": spread, "b": mean}, form=SIGNED)
        stated = {"encoder__mu": "b", "range": "[-1,1]"}
        assert found(folder, GRAY.sample(), **stated).problem == ""

    @pytest.mark.parametrize(
        "stated",
        [{"encoder__mu": "none"}, {"encoder__log_var": "none"}, {"decoder__output": "none"},
         {"encoder__layout": "HW"}, {"decoder__layout": "CHW"}, {"encoder__std": "0"},
         {"encoder__mean": "[1,2]"}, {"encoder__columns__none": "y"}, {"latent_shape": "[7]"},
         {"encoder__halves_axis": "5", "encoder__mu": "mu"}, {"encoder__constants__none": "1"},
         {"encoder__range": "[1,0]"}],
        ids=str,
    )  # fmt: skip
    def test_what_does_not_fit_is_one_line(self, tmp_path, stated):
        with pytest.raises(ModelError) as error:
            found(model_of(tmp_path), GRAY.sample(), **stated)
        one_line(error)

    @pytest.mark.parametrize("key", ["encoder__input", "decoder__input"])
    def test_an_input_that_is_not_there(self, tmp_path, key):
        with pytest.raises(ModelError, match="'none'") as error:
            found(model_of(tmp_path), GRAY.sample(), **{key: "none"})
        one_line(error)

    def test_another_shape_than_that_of_the_data(self, tmp_path):
        with pytest.raises(ModelError, match="3") as error:
            found(model_of(tmp_path), GRAY.sample(), image_shape="[3,3,1]")
        one_line(error)
