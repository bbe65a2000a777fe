import numpy as np
import pytest

from latent_analyze.plugin import AnalysisOptions, Calibration, Frame, Result, ResultSet, Scalar
from latent_analyze.report.tables import LONG, scalar_table


def result(value, *, n=5, extra=None):
    scalars = {
        "mean": Scalar(value, "latent units", "mean radius", calibrated=True),
        "n": Scalar(n, "z-points", "how many"),
        "kind": Scalar("text", "", ""),
    }
    return Result({**scalars, **(extra or {})})


def calibration(null="gaussian", *, stands_out=True):
    return Calibration(
        null=null, scalar="mean", value=3.0, null_mean=1.0, null_std=0.5, null_low=0.5,
        null_high=1.5, repeats=20, p_value=0.01, p_adjusted=1 / 21, effect=4.0,
        stands_out=stands_out,
    )  # fmt: skip


def results(sources, ensembles=None, calibrations=()):
    return ResultSet(
        "toy", AnalysisOptions(), Frame(), next(iter(sources)), sources, ensembles or {},
        calibrations,
    )  # fmt: skip


def texts(table):
    return [[cell.text for cell in row] for row in table.rows]


def test_scalars_stand_against_sources_and_nulls():
    ensembles = {"gaussian": [result(float(v)) for v in range(20)]}
    table = scalar_table(
        results({"data": result(3.0), "beside": result(2.5)}, ensembles, [calibration()])
    )
    assert [cell.text for cell in table.head] == [
        "", "data", "beside", "null gaussian", "p, effect",
    ]  # fmt: skip
    assert texts(table) == [
        ["mean", "3", "2.5", "1", "0.048"],
        ["n", "5", "5", "5", "not calibrated"],
        ["kind", "text", "text", "text", "not calibrated"],
    ]
    mean = table.rows[0]
    assert (mean[0].unit, mean[0].small) == ("latent units", "mean radius")
    assert mean[3].small == "0.5 to 1.5"
    assert mean[4].small == "effect +4"


def test_what_stands_out_is_marked_and_nothing_else():
    ensembles = {"a": [result(1.0)] * 20, "b": [result(1.0)] * 20}
    found = [calibration("a", stands_out=False), calibration("b")]
    table = scalar_table(results({"data": result(3.0)}, ensembles, found))
    assert [[cell.strong for cell in row] for row in table.rows] == [
        [True, False, False, False, False, True],
        [False] * 6,
        [False] * 6,
    ]
    assert table.outstanding == [table.rows[0]]


def test_one_draw_of_a_null_is_no_test():
    table = scalar_table(results({"data": result(3.0)}, {"gaussian": [result(1.0)]}))
    assert [cell.text for cell in table.head] == ["", "data", "null gaussian"]
    assert table.head[2].small == "one draw"
    assert texts(table)[0] == ["mean", "3", "1"]


def test_what_could_be_calibrated_but_is_no_number_says_so():
    ensembles = {"gaussian": [result(np.nan), result(1.0)]}
    table = scalar_table(results({"data": result(3.0)}, ensembles))
    assert texts(table)[0] == ["mean", "3", "undefined", "not testable"]


def test_scalars_of_some_sources_only():
    other = {"only": Scalar(7)}
    table = scalar_table(results({"data": result(1.0), "beside": result(2.0, extra=other)}))
    assert texts(table)[-1] == ["only", "–", "7"]


@pytest.mark.parametrize(("count", "turned"), [(5, False), (6, True)])
def test_many_sources_become_rows(count, turned):
    table = scalar_table(results({f"source {i}": result(float(i)) for i in range(count)}))
    assert table.turned is turned
    assert len(table.rows) == (count if turned else 3)
    if turned:
        assert [cell.text for cell in table.head] == ["", "mean", "n", "kind"]
        assert texts(table)[2] == ["source 2", "2", "5", "text"]


def test_long_tables_are_folded():
    extra = {f"scalar {i}": Scalar(i) for i in range(LONG)}
    assert scalar_table(results({"data": result(1.0, extra=extra)})).long
    assert not scalar_table(results({"data": result(1.0)})).long
