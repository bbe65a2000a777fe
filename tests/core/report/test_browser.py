"""The page in a real browser, where one is installed."""

import shutil
import subprocess

import pytest

from latent_analyze.report import write_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.mark.slow
def test_a_browser_shows_the_page(make_outcome, tmp_path):
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no chromium to open the page with")
    page = write_report(make_outcome(labels=["<script>x</script>", "two"]), tmp_path / "report")
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000",
        "--enable-logging=stderr", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "How to read this" in done.stdout
    assert done.stdout.count("<figure>") == 2
    assert "<script" not in done.stdout
    assert "CONSOLE" not in done.stderr
