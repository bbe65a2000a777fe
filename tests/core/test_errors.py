from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze import errors
from latent_analyze.errors import (
    AnalysisError,
    LatentAnalyzeError,
    OptionError,
    missing_dependency,
    printable,
    unknown_name,
)

KINDS = [
    cls
    for cls in vars(errors).values()
    if isinstance(cls, type) and issubclass(cls, LatentAnalyzeError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_message_says_expected_found_and_next_step(kind: type[LatentAnalyzeError]) -> None:
    error = kind("a store", found="a folder of cats", next_step="encode them")
    assert str(error) == "expected a store, found a folder of cats; encode them"


@pytest.mark.parametrize("kind", KINDS)
def test_parts_may_be_left_out(kind: type[LatentAnalyzeError]) -> None:
    assert str(kind("a store")) == "expected a store"
    assert str(kind("a store", next_step="make one")) == "expected a store; make one"


@pytest.mark.parametrize("kind", KINDS)
def test_a_pickled_error_is_the_same_error(kind: type[LatentAnalyzeError]) -> None:
    error = kind("a", found="b\nc", next_step="d")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert (back.expected, back.found, back.next_step) == ("a", "b\nc", "d")
    assert str(back) == str(error)


@given(st.text(), st.text(), st.text())
def test_every_message_is_one_printable_line(expected: str, found: str, step: str) -> None:
    message = str(OptionError(expected, found=found, next_step=step))
    assert len(message.splitlines()) == 1
    assert message.isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines", "two\\nlines"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\u202eb", "a\\u202eb"),
        ("bad\udc80byte", "bad\\udc80byte"),
        ("Zürich 東京", "Zürich 東京"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_only_failures_exit_with_one() -> None:
    assert AnalysisError.exit_code == 1
    assert all(kind.exit_code == 2 for kind in KINDS if kind is not AnalysisError)


def test_unknown_name_gives_the_nearest() -> None:
    assert str(unknown_name("analysis", "raduis", ["slices", "radius"])) == (
        "expected the name of a known analysis, found 'raduis'; did you mean radius?"
    )


def test_unknown_name_lists_all_where_none_is_near() -> None:
    assert str(unknown_name("analysis", "zzz", ["slices", "radius"])).endswith(
        "choose one of: radius, slices"
    )
    assert str(unknown_name("analysis", "zzz", [])).endswith("no analysis is available")


def test_missing_dependency_holds_the_pip_line() -> None:
    assert "pip install 'latent-analyze[onnx]'" in str(
        missing_dependency("onnxruntime", "onnx", "opening models")
    )
