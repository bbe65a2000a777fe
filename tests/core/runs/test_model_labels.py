"""Which labels a model gets: the rows' own, drawn ones, or its constants; and what is noted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from latent_analyze.models.labels import decode, encode, taken_labels
from latent_analyze.plugin import (
    Analysis,
    ArraySource,
    Bundle,
    Choice,
    Context,
    DecoderSpec,
    EncoderSpec,
    Frame,
    Latents,
    ModelSpec,
    PosteriorSource,
    Signature,
    Source,
    TensorSpec,
)
from latent_analyze.runs.engine import CaseContext, RunContext
from latent_analyze.sources.views import SubsetSource
from latent_analyze.testing import run_analysis

COUNT = 2000
RNG = np.random.default_rng(0)
DIGITS = RNG.choice(3, COUNT, p=[0.1, 0.3, 0.6])
COLORS = np.array(["red", "green", "blue"])[DIGITS]
Z = RNG.standard_normal((COUNT, 2)).astype(np.float32)
DATA = ArraySource(
    Z, labels={"digit": DIGITS, "color": COLORS, "other": DIGITS + 7}, log_var=np.zeros_like(Z)
)
DRAWS = ArraySource(RNG.standard_normal((500, 2)).astype(np.float32), "draws")


class Conditional:
    """Decodes to the digit that it got (-1 without one), and remembers its labels."""

    fingerprint = "conditional"

    def __init__(self, columns: Any = ("digit",), decode_columns: Any = ("digit",)) -> None:
        self.got: list[Any] = []
        self.spec = ModelSpec(
            name="conditional", adapter="test", latent=TensorSpec(shape=(2,)),
            columns=columns, decode_columns=decode_columns, can_encode=True, can_decode=True,
        )  # fmt: skip

    def encode(self, x: np.ndarray, columns: Mapping[str, np.ndarray]) -> Latents:
        self.got.append(columns)
        return Latents(np.repeat(columns.get("digit", np.full(len(x), -1))[:, None], 2, axis=1))

    def decode(self, z: np.ndarray, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        self.got.append(columns)
        return np.asarray(columns.get("digit", np.full(len(z), -1)))[:, None]


class Plain:
    """Takes no labels, and no second argument."""

    fingerprint = "plain"
    spec = ModelSpec(name="plain", adapter="test", latent=TensorSpec(shape=(2,)))

    def encode(self, x: np.ndarray) -> Latents:
        return Latents(x)

    def decode(self, z: np.ndarray) -> np.ndarray:
        return z


def context(source: Source, model: Any = None, reference: Source = DATA, seed: int = 0) -> Any:
    found = Conditional() if model is None else model
    return RunContext(source, "a", CaseContext(reference, open_model=lambda: found, seed=seed))


class TestRowsWithLabels:
    def test_get_their_own(self) -> None:
        ctx, rows = context(DATA), np.array([5, 3, 900])
        assert ctx.model_labels(rows)["digit"].tolist() == DIGITS[rows].tolist()
        assert ctx.notes == ["the model gets the label digit of each row"]

    def test_also_in_views_of_the_data(self) -> None:
        some = SubsetSource(DATA, np.flatnonzero(DIGITS == 2), "some")
        assert set(context(some).model_labels(np.arange(20))["digit"].tolist()) == {2}
        posterior, rows = PosteriorSource(DATA, 0, "data@posterior"), np.arange(20)
        assert context(posterior).model_labels(rows)["digit"].tolist() == DIGITS[rows].tolist()

    def test_only_those_that_the_model_takes(self) -> None:
        model = Conditional(("color",), ("digit", "color"))
        assert taken_labels(model) == ("color", "digit")
        ctx = context(DATA, model)
        assert ctx.model_labels(np.arange(3)).keys() == {"color", "digit"}
        assert ctx.notes == ["the model gets the labels color, digit of each row"]

    def test_no_rows(self) -> None:
        assert context(DATA).model_labels(np.zeros(0, np.int64)) == {}


class TestZPointsWithout:
    def test_get_labels_in_the_shares_of_the_data(self) -> None:
        source = ArraySource(np.zeros((20_000, 2)), "many")
        ctx = context(source)
        found = ctx.model_labels(np.arange(source.count))["digit"]
        shares = np.bincount(DIGITS) / COUNT
        assert np.bincount(found) / source.count == pytest.approx(shares, abs=0.015)
        assert ctx.notes == [
            "the model gets the label digit of random rows of data, so in its shares"
        ]

    def test_are_drawn_by_the_seed_and_row(self) -> None:
        rows = np.arange(500)
        found = context(DRAWS).model_labels(rows)["digit"]
        again = context(DRAWS).model_labels(rows[::-1][:50])["digit"]
        assert found[::-1][:50].tolist() == again.tolist()
        assert found.tolist() != context(DRAWS, seed=1).model_labels(rows)["digit"].tolist()

    def test_get_all_labels_of_one_row(self) -> None:
        model = Conditional(("digit", "color"), ("digit",))
        found = context(DRAWS, model).model_labels(np.arange(500))
        expected = np.array(["red", "green", "blue"])[found["digit"]]
        assert found["color"].tolist() == expected.tolist()

    def test_of_a_subset_get_those_of_the_subset(self) -> None:
        some = SubsetSource(DATA, np.flatnonzero(DIGITS == 1), "ones")
        found = context(DRAWS, reference=some).model_labels(np.arange(500))["digit"]
        assert set(found.tolist()) == {1}

    def test_where_nobody_has_any(self) -> None:
        ctx = context(DRAWS, reference=DRAWS)
        assert ctx.model_labels(np.arange(3)) == {}
        assert ctx.decode(DRAWS.z[:3]).ravel().tolist() == [-1, -1, -1]
        assert ctx.notes == ["decoded with the model's constants for digit"]


class TestCalls:
    def test_a_half_gets_what_it_takes(self) -> None:
        model = Conditional(("color",), ("digit",))
        labels = {"digit": np.arange(3), "color": np.array(["a", "b", "c"]), "split": np.ones(3)}
        assert decode(model, Z[:3], labels).ravel().tolist() == [0, 1, 2]
        encode(model, Z[:3], labels)
        assert [set(got) for got in model.got] == [{"digit"}, {"color"}]

    def test_others_need_no_second_argument(self) -> None:
        ctx = context(DATA, Plain())
        assert ctx.model_labels(np.arange(3)) == {}
        assert ctx.decode(Z[:3].astype(float), {"digit": DIGITS[:3]}).dtype == np.float32
        assert ctx.encode(Z[:3]).mu.tolist() == Z[:3].tolist()
        assert ctx.notes == []

    def test_codes_stay_whole(self) -> None:
        class Codes(Plain):
            def decode(self, z: np.ndarray) -> np.ndarray:
                assert z.dtype == np.int64
                return z

        assert decode(Codes(), np.arange(4).reshape(2, 2)).dtype == np.float32

    def test_what_is_missing_is_noted_once(self) -> None:
        ctx = context(DATA, Conditional(("digit",), ("digit", "color")))
        for _ in range(2):
            ctx.decode(Z[:3], {"digit": DIGITS[:3]})
            ctx.encode(Z[:3])
        assert ctx.notes == [
            "decoded with the model's constants for color",
            "encoded with the model's constants for digit",
        ]


def stated(known: str = "") -> Conditional:
    """Return a model whose encoder gets digit = 7, and the decoder also t = 0.5."""
    model = Conditional((), ())
    choices = [Choice(key="decoder.constants.t", value="0.5", known=known)] if known else []
    model.signature = Signature(  # type: ignore[attr-defined]
        bundle=Bundle(
            encoder=EncoderSpec(file="e", constants={"digit": 7}),
            decoder=DecoderSpec(file="d", constants={"t": 0.5, "y": 1}, columns={"y": "digit"}),
        ),
        choices=tuple(choices),
    )
    return model


class TestStatedConstants:
    def test_are_noted(self) -> None:
        ctx = context(DATA, stated())
        model = ctx.model
        model.decode = lambda z: z
        model.encode = lambda x: Latents(x)
        ctx.decode(Z[:1])
        assert ctx.notes == ["the model gets t = 0.5 for every row, as stated"]
        ctx.encode(Z[:1])
        assert ctx.notes[1:] == ["the model gets digit = 7 for every row, as stated"]

    def test_assumed_ones_are_not(self) -> None:
        ctx = context(DATA, stated(known="assumed"))
        ctx.model.decode = lambda z: z
        ctx.decode(Z[:1])
        assert ctx.notes == []


class Asks(Analysis):
    """An analysis of somebody else that decodes a sample."""

    name = "asks"

    def run(self, frame: Frame, source: Source, context: Context) -> dict[str, Any]:
        batch = context.sample(50)
        decoded = context.decode(batch.z, context.model_labels(batch.rows))
        return {"decoded": decoded.mean(), "row": batch.rows}


def test_any_analysis_gets_labels_and_the_host_notes_it() -> None:
    results = run_analysis(Asks(), DATA, shown=[DRAWS], model=Conditional())
    rows = results.data["row"]
    assert results.data["decoded"] == pytest.approx(DIGITS[rows].mean())
    assert results.data.notes == ("the model gets the label digit of each row",)
    (drawn,) = results.results["draws"].notes
    assert drawn.startswith("the model gets the label digit of random rows of data")
