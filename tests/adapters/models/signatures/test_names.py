"""What names of outputs say, in the conventions of many libraries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze_adapters.models.signatures.names import (
    LOG_VAR_NAMES,
    MEANINGS,
    MU_NAMES,
    SPREADS,
    is_spread,
    meaning,
    names_spread,
    words,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("encoder/zLog_var:0", ["z", "log", "var"]),
        ("qz_m", ["qz", "m"]),
        ("LogVar", ["log", "var"]),
        ("Identity_1:0", ["identity", "1"]),
        ("//", []),
        ("", []),
        ("z.mean-2", ["z", "mean", "2"]),
    ],
)
def test_words(name, expected):
    assert words(name) == expected


@pytest.mark.parametrize(
    ("expected", "names"),
    [
        ("mean", "mu z_mean encoder/z_mean:0 qz_m fc_mu loc latent_mean zmean mean_1 means q_mu"),
        ("log_var", "log_var logvar z_log_var LogVar fc_logvar log_covariance log_sigma2 zLogVar"),
        ("log_var", "encoder/z_log_var:0 log_variance lnvar latent_logvar log_sigma_squared"),
        ("log_std", "log_std log_sigma logsigma log_scale z_log_std logSigma"),
        ("variance", "var variance qz_v z_var sigma2 sigma_squared covariance posterior_variance"),
        ("std", "std sigma scale z_std stddev latent_sigma standard_deviation"),
        ("halves", "moments posterior_parameters latent_params mu_logvar stats"),
        ("codes", "indices codes idx latent_indices"),
        ("quantized", "quantized zq quant latent_quantized"),
    ],
)
def test_meanings(expected, names):
    assert {name: meaning(name) for name in names.split()} == dict.fromkeys(names.split(), expected)


@pytest.mark.parametrize("name", ["z_q", "encoder/z_q:0"])
def test_the_usual_name_of_quantized_vectors(name):
    assert meaning(name) == "quantized"


@pytest.mark.parametrize("name", ["mu_2", "z_mean_2", "encoder/mean_2:0"])
def test_numbered_names(name):
    assert meaning(name.replace("2", "1")) == "mean"
    assert meaning(name) == "mean"


@pytest.mark.parametrize(
    "name",
    ["a", "b", "getitem_1", "z", "latent", "output", "output_1", "dense_17", "", "17", "/0", "x:0",
     "logits", "image", "reconstruction", "features", "z2"],
)  # fmt: skip
def test_names_that_say_nothing(name):
    assert meaning(name) is None
    assert not names_spread(name)


@pytest.mark.parametrize("name", ["uncertainty", "latent_spread", "z_width", "log_var", "sigma"])
def test_spreads_in_any_form(name):
    assert names_spread(name)


@pytest.mark.parametrize("name", ["mu", "moments", "indices", "quantized"])
def test_what_is_no_spread(name):
    assert is_spread(name) is None
    assert not names_spread(name)


def test_each_kind_of_spread_has_names():
    for kind in SPREADS:
        assert {is_spread(word) for word in MEANINGS[kind]} == {kind}


def test_the_names_of_version_0_1_mean_the_same():
    assert {meaning(name) for name in MU_NAMES} == {"mean"}
    assert {meaning(name) for name in LOG_VAR_NAMES} == {"log_var"}


def test_no_name_has_two_meanings():
    every = [word for known in MEANINGS.values() for word in known]
    assert len(every) == len(set(every))


@given(st.text(max_size=30))
def test_any_name_is_read(name):
    assert all(word == word.lower() and word for word in words(name))
    assert meaning(name) is None or meaning(name) in MEANINGS
