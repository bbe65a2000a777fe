"""No advice that names something to type is without a row that follows it, or a reason."""

from __future__ import annotations

from functools import cache
from itertools import chain
from pathlib import Path

import pytest
from advice_in_code import Advice, advice_in
from rows_of_data import DATA
from rows_of_encoded import ENCODED
from rows_of_files import FILES, SLOW
from rows_of_models import MODELS
from rows_of_runs import RUNS

REPOSITORY = Path(__file__).parents[2]
CODE = [REPOSITORY / "core" / "latent_analyze", REPOSITORY / "adapters"]
SAID = [
    row.says
    for row in chain.from_iterable(t.values() for t in (DATA, FILES, SLOW, MODELS, RUNS, ENCODED))
]

NOT_FOLLOWED = {
    "make room or choose another place with -o": "needs a full disk",
    "run: pip install --upgrade latent-analyze": "needs another version",
    "run: pip install --upgrade onnx onnxruntime": "needs another version",
    "pip install --upgrade onnxruntime": "needs another version",
    'name them: ArraySource(z, "name")': "of Python: test_api",
    "give one, output=": "of Python: test_api",
    "Convert them, or state what the model takes: signature=": "of Python: test_checking",
    "name a store, or use normal, uniform or sphere with dim=": "of Python: test_samplers",
    "give a folder written by 'latent-analyze train'": "of Python: read_bundle",
    "make it with: latent-analyze encode MODEL DATA -o ": "of Python: open_store",
    "give a folder written by 'latent-analyze encode'": "of Python: open_store",
    "write dims=": "for authors of plugins",
    "return Values(..., rows=batch.rows)": "for authors of plugins",
    "--signature encoder.mean_half=": "followed by test_outputs",
    "call model.eval() and export it again, or run it as it is: ": "test_training_mode of PyTorch",
    "which differ in shape, is assumed to be mu": "as that of outputs of one shape",
    "name one as part, in model.toml or --signature": "needs a SavedModel",
    "correct entry in model.toml": "as that of a misspelled entry",
    "export it with one, or state image_shape and latent_shape": "needs a SavedModel",
    "the texts of {}, sorted; if the model has another order": "ends with a flag that is followed",
    "integers=values": "as integers=labels",
    "export encoder and decoder with the same layout, or state": "without data, which try both",
    "--signature encoder.layout=": "two layouts are equally good by chance alone: test_choosing",
    "those of these data; if the model was trained with others": "followed by test_values",
    "export it with training=False, or run it as it is: ": "test_saved_mode",
    "state its scaling factor: --signature decoder.scale=": "followed by test_doubts",
    "needs --data": "part of what is not tried",
}
"""Advice that no row follows, and why."""

OTHERS = ("cli/", "statistics/", "testing/")
"""Where options are declared, and what speaks to authors of plugins."""

NO_ADVICE = (
    "stores, files of vectors, samplers with dim=", "sources beside each case (--with)",
    "null models (--null)", "--set", "gaussian:covariance=diag", "safe_mode=False",
)  # fmt: skip
"""Texts that only look like advice."""


@cache
def told() -> list[Advice]:
    found = [advice for folder in CODE for advice in advice_in(folder)]
    return [a for a in found if not a.where.startswith(OTHERS) and a.text not in NO_ADVICE]


@pytest.mark.parametrize("advice", told(), ids=lambda advice: advice.where)
def test_it_is_followed(advice: Advice) -> None:
    excused = any(text in advice.text for text in NOT_FOLLOWED)
    assert excused or any(advice.is_in(said) for said in SAID), (
        f"add a row to tests/advice that follows {advice.text!r}"
    )


@pytest.mark.parametrize("text", NOT_FOLLOWED)
def test_reasons_are_of_advice_that_is_given(text: str) -> None:
    assert any(text in advice.text for advice in told())
