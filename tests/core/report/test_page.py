import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from latent_analyze.host.discovery import Problem
from latent_analyze.report import draw_figures
from latent_analyze.report.page import render_page
from latent_analyze.runs.selection import LeftOut

VOID = {"meta", "img", "br", "path", "circle"}


class Page(HTMLParser):
    """A page read back: tags balanced, ids, links, images and text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.ids, self.text = [], [], [], []
        self.attributes = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "title"} & set(self.open):
            self.text.append(data)

    @property
    def words(self):
        return re.sub(r"\s+", " ", " ".join(self.text))

    def values(self, tag, name):
        return [value for t, n, value in self.attributes if (t, n) == (tag, name)]


def page_of(outcome):
    return render_page(*draw_figures(outcome))


def test_the_page_says_what_was_analyzed_and_what_was_found(make_outcome):
    page = Page(page_of(make_outcome(**{"with": ["uniform:b=1"]})))
    for text in (
        "300 z-points of 3 dimensions, beside uniform:b=1 , against the null model gaussian .",
        "Findings",
        "It spreads.",
        "What was analyzed",
        "Spread of the z-points",
        "How far do the z-points spread?",
        "Figure 1.",
        "Spread of data.",
        "fourth moment over squared second",
        "sample of 200 z-points",
        "data : note on data",
        "said of all",
        "latent-analyze run --config run.toml",
        "numpy ",
    ):
        assert text in page.words


def test_the_page_needs_nothing_but_itself(make_outcome):
    html = page_of(make_outcome())
    page = Page(html)
    assert not {"script", "link", "iframe", "object", "video"} & set(page.tags)
    assert not re.search(r"https?://|url\(|@import", html)
    (source,) = page.values("img", "src")
    assert base64.b64decode(source.removeprefix("data:image/png;base64,"))[:4] == b"\x89PNG"
    assert page.values("img", "alt") == ["a line that rises"]
    (policy,) = [v for v in page.values("meta", "content") if "default-src" in v]
    assert policy.startswith("default-src 'none'")


def test_every_link_leads_somewhere(make_outcome, toy_analyses):
    analyses = (toy_analyses.Spread, toy_analyses.FailsToDraw, toy_analyses.NeedsDecoder)
    page = Page(page_of(make_outcome(*analyses, labels=["one", "two"])))
    assert len(set(page.ids)) == len(page.ids)
    links = page.values("a", "href")
    assert len(links) > 10
    assert {link.removeprefix("#") for link in links} <= set(page.ids)


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("\" onload='x' &amp;", "\" onload='x' &amp;"),
        ("line\nbreak\x1b[31m\x00", r"line\nbreak\x1b[31m\x00"),
        ("right\u202eleft", r"right\u202eleft"),
        ("no text \udcff", r"no text \udcff"),
    ],
)
def test_labels_are_text_and_nothing_else(make_outcome, label, shown):
    outcome = make_outcome()
    case = outcome.cases[0]
    entry = case.analyses["spread"]
    results = replace(
        entry.results, reference=label, results={label: entry.results.results["data"]}
    )
    case = replace(
        case,
        reference=replace(case.reference, label=label),
        analyses={label: replace(entry, key=label, title=label, results=results)},
        left_out=[LeftOut(label, label)],
        details={"model": {"name": label}, "store": label, label: label},
    )
    html = page_of(replace(outcome, cases=[case], problems=[Problem(label, label, label)]))
    html.encode()
    page = Page(html)
    assert "script" not in page.tags
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert not [c for c in html if not c.isprintable() and c != "\n"]
    assert shown in page.words


def test_failures_are_shown_where_they_happened_and_at_the_end(make_outcome, toy_analyses):
    analyses = (toy_analyses.FailsToDraw, toy_analyses.FailsToRun, toy_analyses.NeedsDecoder)
    page = Page(page_of(make_outcome(*analyses)))
    assert page.words.count("failed while drawing its figures: RuntimeError: no <i>ink</i>") == 2
    assert page.words.count("failed on data: ValueError: nothing to see") == 2
    assert "Traceback (most recent call last)" in page.words
    assert "needs_decoder needs decoder: the source has no model" in page.words
    assert "2 failed" in page.words
    assert "1 left out" in page.words


def test_plugins_that_could_not_be_used(make_outcome):
    outcome = replace(make_outcome(), problems=[Problem("bad", "its-package 1.0", "broke")])
    assert "bad (its-package 1.0) broke" in Page(page_of(outcome)).words


def test_nothing_is_said_of_what_did_not_happen(make_outcome):
    page = Page(page_of(make_outcome()))
    assert "not-here" not in page.ids
    assert "failed" not in page.words
    assert "left out" not in page.words


def test_findings_come_gravest_first_in_words_and_shapes(make_outcome):
    html = page_of(make_outcome(labels=["one", "two"]))
    order = re.findall(r'<span class="word">(\w+)</span>', html)
    assert order == ["warning", "warning", "finding", "finding", "note", "note"]
    assert len(set(re.findall(r'<svg class="icon \w+".*?</svg>', html, re.DOTALL))) == 3


def test_no_finding_is_no_promise(make_outcome, toy_analyses):
    class Silent(toy_analyses.Spread):
        """Does it say anything?"""

        name = "silent"

        def interpret(self, results):
            return ()

    outcome = make_outcome(Silent, null=["none"])
    assert "No analysis reports a finding." in Page(page_of(outcome)).words


def test_standouts_are_marked_by_a_sign_not_only_by_color(make_outcome):
    html = page_of(make_outcome())
    assert re.search(r'<span class="mark" title="stands out">◆</span>\s*kurtosis', html)


def test_without_a_null_there_are_no_empty_columns(make_outcome):
    page = Page(page_of(make_outcome(null=["none"])))
    assert "p, effect" not in page.words
    assert "against the null" not in page.words


def test_subjects_name_data_set_and_model(make_outcome):
    outcome = make_outcome()
    case = replace(outcome.cases[0], details={"model": {"name": "vae"}, "dataset": {"name": "d"}})
    html = page_of(replace(outcome, cases=[case]))
    assert "<title>Latent-space report: d in vae</title>" in html
    assert "<title>Latent-space report: points-0.npy</title>" in page_of(outcome)


def test_a_run_without_cases_is_a_page(make_outcome):
    assert "Findings" in Page(page_of(replace(make_outcome(), cases=[]))).words
