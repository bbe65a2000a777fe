"""Vectors that the tests of all their formats share; makes the module beside it importable."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent))


@pytest.fixture
def z() -> np.ndarray:
    return np.random.default_rng(0).normal(3, 1, (1000, 6)).astype(np.float32)
