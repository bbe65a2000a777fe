"""Which output is the mean: first or second, whole or half, and what is no coordinate."""

from __future__ import annotations

import numpy as np
import pytest
from adapter_testing import one_line
from signature_models import (
    DIM,
    FLOAT,
    INTS,
    Net,
    World,
    flags_of,
    found,
    known,
    opened,
    tensor_info,
    write_decoder,
    write_encoder,
)

from latent_analyze import ModelError
from latent_analyze_adapters.models.signatures.outputs import Mean, mean_alone, means_for

GRAY = World()


def mean(net, mu):
    del net
    return mu


def level(net, mu):
    """A spread between -5 and -3, that depends on the row."""
    return net.op("Add", net.op("Mul", mu, net.const(0.2)), net.const(-4.0))


def backwards(net, mu):
    """Another code of the rows, with the axes in another order."""
    return net.op("MatMul", mu, net.const(np.eye(DIM)[::-1]))


def model_of(folder, heads, latent=(DIM,), shapes=None, **decoder):
    write_encoder(folder / "encoder.onnx", GRAY, heads=heads, shapes=shapes)
    write_decoder(folder / "decoder.onnx", GRAY, latent=latent, **decoder)
    return folder


@pytest.mark.parametrize("names", [("a", "b"), ("output", "output_1"), ("17", "23")])
@pytest.mark.parametrize("place", [0, 1])
def test_the_mean_is_found_by_trial(tmp_path, names, place):
    heads = dict(zip(names, (mean, level) if place == 0 else (level, mean), strict=True))
    model = opened(model_of(tmp_path, heads), GRAY.sample())
    assert model.bundle.encoder.mu == names[place]
    assert known(model.signature)["encoder.mu"] == "trial"
    np.testing.assert_allclose(model.encode(GRAY.x).mu, GRAY.latents, atol=1e-3)


def test_trial_beats_names(tmp_path):
    """What is called mean is the spread, and the other way round."""
    model = opened(model_of(tmp_path, {"mean": level, "log_var": mean}), GRAY.sample())
    assert model.bundle.encoder.mu == "log_var"
    assert model.signature.explained > 0.99


def joined(order, shape=None):
    def head(net, mu):
        parts = [net.ints(part(net, mu), -1, *(shape or (DIM,))) for part in order]
        return net.op("Concat", *parts, axis=1)

    return head


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize(
    ("latent", "whole"), [((DIM,), (2 * DIM,)), ((1, 2, 2), (2, 2, 2)), ((4, 1, 1), (8, 1, 1))]
)
def test_two_halves_in_one_output(tmp_path, half, latent, whole):
    order = (mean, level) if half == 0 else (level, mean)
    folder = model_of(tmp_path, {"y": joined(order, latent)}, latent, shapes={"y": whole})
    model = opened(folder, GRAY.sample())
    spec = model.bundle.encoder
    assert (spec.halves_axis, spec.mean_half) == (0, half)
    latents = model.encode(GRAY.x)
    np.testing.assert_allclose(latents.mu, GRAY.latents, atol=1e-3)
    np.testing.assert_allclose(latents.log_var, 0.2 * GRAY.latents - 4, atol=1e-3)
    assert model.signature.explained > 0.99


@pytest.mark.parametrize("half", [0, 1])
def test_halves_in_the_last_axis(tmp_path, half):
    def head(net, mu):
        order = (mean, level) if half == 0 else (level, mean)
        return net.op("Concat", *[net.ints(p(net, mu), -1, 2, 1, 2) for p in order], axis=3)

    folder = model_of(tmp_path, {"y": head}, (2, 1, 2), shapes={"y": (2, 1, 4)})
    model = opened(folder, GRAY.sample())
    spec = model.bundle.encoder
    assert (spec.halves_axis, spec.mean_half) == (2, half)
    np.testing.assert_allclose(model.encode(GRAY.x).mu, GRAY.latents, atol=1e-3)


def above(net, mu):
    """Positive: latents are at least -2."""
    return net.op("Add", mu, net.const(3.0))


def below(net, mu):
    return net.op("Neg", above(net, mu))


def any_sign(net, z):
    """Undoes both."""
    return net.op("Sub", net.op("Abs", z), net.const(3.0))


def test_two_outputs_equally_good(tmp_path):
    folder = model_of(tmp_path, {"a": above, "b": below}, before=any_sign)
    with pytest.raises(ModelError, match="one output that is the mean") as error:
        found(folder, GRAY.sample())
    text = one_line(error)
    assert "'a' is the mean, 'b' is the mean" in text
    assert "both explain 100% of the variance" in text
    advice = flags_of(error.value)
    assert [stated["encoder__mu"] for stated in advice] == ["a", "b"]
    for stated in advice:
        model = opened(folder, GRAY.sample(), **stated)
        assert model.bundle.encoder.mu == stated["encoder__mu"]
        assert "encoder.mu" not in known(model.signature)


def test_two_halves_equally_good(tmp_path):
    def head(net, mu):
        return net.op("Concat", above(net, mu), below(net, mu), axis=1)

    folder = model_of(tmp_path, {"y": head}, shapes={"y": (2 * DIM,)}, before=any_sign)
    with pytest.raises(ModelError, match="one output that is the mean") as error:
        found(folder, GRAY.sample())
    one_line(error)
    advice = flags_of(error.value)
    assert [stated["encoder__mean_half"] for stated in advice] == ["0", "1"]
    for stated in advice:
        spec = opened(folder, GRAY.sample(), **stated).bundle.encoder
        assert (spec.mu, spec.mean_half) == ("y", int(stated["encoder__mean_half"]))
        assert spec.halves_axis == 0


def test_equal_arrays_are_no_tie(tmp_path):
    def copied(net, mu):
        return net.op("Mul", mu, net.const(1.0))

    signature = found(model_of(tmp_path, {"a": mean, "b": copied}), GRAY.sample())
    assert signature.bundle.encoder.mu == "a"
    assert signature.problem == ""


class TestWithoutDecoder:
    def test_names_tell(self, tmp_path):
        path = write_encoder(tmp_path / "e.onnx", GRAY, heads={"fc_logvar": level, "fc_mu": mean})
        signature = found(path, GRAY.sample())
        assert (signature.bundle.encoder.mu, known(signature)["encoder.mu"]) == ("fc_mu", "name")

    def test_the_name_of_the_spread_tells(self, tmp_path):
        path = write_encoder(tmp_path / "e.onnx", GRAY, heads={"uncertainty": level, "y": mean})
        assert found(path, GRAY.sample()).bundle.encoder.mu == "y"

    def test_the_only_output(self, tmp_path):
        path = write_encoder(tmp_path / "e.onnx", GRAY, heads={"y": mean})
        assert found(path, GRAY.sample()).bundle.encoder.mu == "y"

    def test_the_first_of_several_sizes_is_assumed(self, tmp_path):
        wide = joined((mean, level))
        heads, shapes = {"y": mean, "features": wide}, {"features": (2 * DIM,)}
        path = write_encoder(tmp_path / "e.onnx", GRAY, heads=heads, shapes=shapes)
        signature = found(path, GRAY.sample())
        assert signature.bundle.encoder.mu == "y"
        assert known(signature)["encoder.mu"] == "assumed"

    @pytest.mark.parametrize(
        "names",
        [
            ("a", "b"),
            pytest.param(
                ("17", "23"),
            ),
        ],
    )
    def test_two_outputs_without_names_are_refused(self, tmp_path, names):
        heads = dict(zip(names, (level, backwards), strict=True))
        path = write_encoder(tmp_path / "e.onnx", GRAY, heads=heads)
        with pytest.raises(ModelError, match="nothing tells which one") as error:
            found(path, GRAY.sample())
        one_line(error)
        advice = flags_of(error.value)
        assert [stated["encoder__mu"] for stated in advice] == list(names)
        assert [stated["encoder__log_var"] for stated in advice] == list(names)[::-1]
        for stated in advice:
            spec = found(path, GRAY.sample(), **stated).bundle.encoder
            assert (spec.mu, spec.log_var) == (stated["encoder__mu"], stated["encoder__log_var"])

    def test_both_halves_by_the_name(self, tmp_path):
        path = write_encoder(
            tmp_path / "e.onnx", GRAY, heads={"moments": joined((mean, level))},
            shapes={"moments": (2 * DIM,)},
        )  # fmt: skip
        spec = found(path, GRAY.sample()).bundle.encoder
        assert (spec.halves_axis, spec.mean_half) == (0, 0)

    @pytest.mark.parametrize("half", ["0", "1"])
    def test_stated_halves(self, tmp_path, half):
        order, shapes = (mean, level)[:: 1 if half == "0" else -1], {"y": (2 * DIM,)}
        path = write_encoder(tmp_path / "e.onnx", GRAY, heads={"y": joined(order)}, shapes=shapes)
        stated = {"encoder__halves_axis": "0", "encoder__mean_half": half}
        model = opened(path, GRAY.sample(), encoder__mu="y", **stated)
        np.testing.assert_allclose(model.encode(GRAY.x).mu, GRAY.latents, atol=1e-3)
        model = opened(path, GRAY.sample(), **stated)
        np.testing.assert_allclose(model.encode(GRAY.x).mu, GRAY.latents, atol=1e-3)


class TestCodes:
    def test_quantized_next_to_codes(self, tmp_path):
        net = Net()
        flat = net.op("Flatten", "x")
        mu = net.op("MatMul", flat, net.const(GRAY.basis.T))
        outputs = {
            "indices": (net.op("ArgMax", mu, axis=1, keepdims=1), INTS, (1,)),
            "quantized": (mu, FLOAT, (DIM,)),
        }
        path = net.save(tmp_path / "e.onnx", [tensor_info("x", GRAY.shape)], outputs)
        assert found(path, GRAY.sample()).bundle.encoder.mu == "quantized"


def test_no_output_of_the_size_of_the_decoder():
    outputs = {"y": np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)}
    with pytest.raises(ModelError, match="with the 4 values that the decoder takes") as error:
        means_for(outputs, set(), (4,))
    one_line(error)


def test_what_is_random_is_not_the_mean():
    rng = np.random.default_rng(0)
    outputs = {name: rng.standard_normal((5, 4)).astype(np.float32) for name in ("z", "y")}
    assert means_for(outputs, {"z"}, (4,)) == [Mean("y")]
    assert means_for(outputs, {"z", "y"}, (4,)) == [Mean("z"), Mean("y")]
    assert mean_alone(outputs, {"z"}, None)[0] == Mean("y")


def test_halves_by_the_channels_of_a_config():
    y = np.random.default_rng(0).standard_normal((5, 8, 3, 3)).astype(np.float32)
    assert mean_alone({"y": y}, set(), 4) == (Mean("y", 0), "config.json")
    assert mean_alone({"y": y}, set(), 3)[0] == Mean("y")
    assert Mean("y", 0, 1).take({"y": y}).shape == (5, 4, 3, 3)
    np.testing.assert_array_equal(Mean("y", 0).other_half({"y": y}), y[:, 4:])
