from __future__ import annotations

import numpy as np
import pytest
from latent_analyze_kurtosis import Laplace

from latent_analyze import OptionError
from latent_analyze.testing import check_sampler, tiny_source


def test_the_contract_holds() -> None:
    check_sampler(Laplace())


def test_it_is_as_wide_as_the_reference() -> None:
    reference = tiny_source(2000)
    z = Laplace(Laplace.Options(count=100_000)).fit(reference, 0).sample(100_000, 0).z
    np.testing.assert_allclose(z.mean(axis=0), reference.z.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(z.std(axis=0), reference.z.std(axis=0), rtol=0.02)
    np.testing.assert_allclose(np.corrcoef(z.T), np.eye(5), atol=0.02)


def test_it_needs_a_reference() -> None:
    with pytest.raises(OptionError, match="a store or vectors"):
        Laplace().fit(None, 0)
