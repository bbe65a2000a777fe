from dataclasses import replace

from latent_analyze.plugin import AnalysisOptions, ModelSpec, TensorSpec
from latent_analyze.report.facts import case_facts, companions, detail, option_texts, spec_rows
from latent_analyze.store.schema import DatasetSpec, LabelSpec

IMAGE = TensorSpec(shape=(28, 28, 1), layout="HWC", range=(0.0, 1.0))
MODEL = ModelSpec(
    name="vae", adapter="onnx", input=IMAGE, latent=TensorSpec(shape=(2, 8)), variational=True
)
DATASET = DatasetSpec(
    name="digits", location="digits.npz", fingerprint="0123456789abcdef", count=70_000, item=IMAGE,
    labels=(LabelSpec(name="digit", array="label_digit", dtype="int64"),),
    options={"resize": 28, "crop": None},
)  # fmt: skip


def facts(outcome, **details):
    case = replace(outcome.cases[0], details=details)
    return {group.title: dict(group.rows) for group in case_facts(case, outcome.config)}


def test_a_case_of_vectors_tells_its_file_sources_and_nulls(make_outcome):
    outcome = make_outcome(**{"with": ["uniform:b=1"]}, seed=7)
    found = facts(outcome)
    assert set(found) == {"Reference", "Shown beside it", "Null models"}
    reference = found["Reference"]
    assert (reference["label"], reference["z-points"], reference["dimensions"]) == (
        "data", "300", "3",
    )  # fmt: skip
    assert reference["source"].endswith("points-0.npy")
    assert reference["seed"] == "7"
    assert found["Shown beside it"] == {"uniform:b=1": "300 z-points"}
    assert found["Null models"]["gaussian"].startswith("20 draws. A normal distribution")


def test_specs_of_model_and_data_set(make_outcome):
    found = facts(make_outcome(), model=MODEL, dataset=DATASET, store="a/latents.zarr")
    assert found["Model"]["input"] == "28 × 28 × 1 (HWC, values 0 to 1)"
    assert found["Model"]["latent"] == "2 × 8"
    assert found["Model"]["variational"] == "yes"
    assert "producer" not in found["Model"]
    assert found["Data set"]["fingerprint"] == "0123456789ab"
    assert found["Data set"]["count"] == "70,000"
    assert found["Data set"]["labels"] == "digit"
    assert found["Data set"]["options"] == "resize = 28"
    assert found["Reference"]["store"] == "a/latents.zarr"
    assert "source" not in found["Reference"]


def test_details_of_other_names_and_kinds(make_outcome):
    found = facts(make_outcome(), model=None, model_fingerprint="f" * 64, run_by={"host": "here"})
    assert found["Reference"]["model fingerprint"] == "f" * 12
    assert found["run by"] == {"host": "here"}
    assert "Model" not in found


def test_details_are_read_with_or_without_them(make_outcome):
    case = make_outcome().cases[0]
    assert detail(case, "model", "name") == ""
    assert detail(replace(case, details={"model": MODEL}), "model", "name") == "vae"
    assert detail(replace(case, details={"dataset": {"name": "x"}}), "dataset", "name") == "x"


def test_companions_are_named_with_their_analysis(make_outcome, toy_analyses):
    class Wide(toy_analyses.Spread):
        """Does it bring sources of its own?"""

        name = "wide"

        def companions(self, reference):
            return ["uniform:b=9"]

    outcome = make_outcome(Wide)
    assert companions(outcome.cases[0]) == {"wide": ["uniform:b=9"]}
    assert facts(outcome)["Shown beside it"] == {"wide only": "uniform:b=9"}


def test_empty_fields_are_left_out_and_options_are_not():
    class Some(AnalysisOptions):
        bin_width: float | None = None
        pairs: list[int] = [1, 2]

    assert spec_rows({"a_b": 1, "c": None, "d": [], "e": False, "f": {"g": None}}) == [
        ("a b", "1"),
        ("e", "no"),
    ]
    assert option_texts(Some()) == [("bin_width", "none"), ("pairs", "1, 2")]
