"""TensorFlow's start-up log: held back, without its errors, unless somebody wants it."""

from __future__ import annotations

import logging
import os
import sys

import pytest

from latent_analyze_adapters.runtimes.keras import loading as loading

NOISE = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"I0000 00:00:1795254563.227321    4693 port.cc:153] oneDNN custom operations are on.\n"
    b"E0000 00:00:1795254571.316443    4693 cuda.cc:52] failed call: UNKNOWN ERROR (303)\n"
)
ERROR = b"E0000 00:00:1795254571.316443    4693 cuda.cc:52] out of memory\n"


@pytest.fixture(name="logger")
def _logger(monkeypatch):
    """The logger of a TensorFlow that was not imported yet."""
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    # Set first, so that it is put back in any case.
    monkeypatch.setenv(loading.LEVEL, "1")
    monkeypatch.delenv(loading.LEVEL)
    logger = logging.getLogger("tensorflow")
    before = logger.level
    logger.setLevel(logging.NOTSET)
    yield logger
    logger.setLevel(before)


def written(capfd):
    with loading._quietly():
        os.write(2, NOISE + ERROR)
    return capfd.readouterr().err.encode()


def test_errors_are_left(logger, capfd):
    assert written(capfd) == ERROR
    assert os.environ[loading.LEVEL] == "2"
    assert logger.level == logging.ERROR


def test_somebody_wants_it(logger, capfd, monkeypatch):
    monkeypatch.setenv(loading.LEVEL, "0")
    assert written(capfd) == NOISE + ERROR
    assert logger.level == logging.NOTSET


def test_levels_that_are_set_stay(logger, capfd, monkeypatch):
    monkeypatch.setenv(loading.LEVEL, "1")
    logger.setLevel(logging.DEBUG)
    assert written(capfd) == ERROR
    assert (os.environ[loading.LEVEL], logger.level) == ("1", logging.DEBUG)


def test_an_error_while_importing(logger, capfd):
    def fail():
        with loading._quietly():
            os.write(2, ERROR)
            raise ImportError("gone")

    with pytest.raises(ImportError, match="gone"):
        fail()
    assert capfd.readouterr().err.encode() == ERROR
    assert logger.level == logging.NOTSET


def test_imported_already(monkeypatch):
    keras, tensorflow = pytest.importorskip("keras"), pytest.importorskip("tensorflow")
    # Importing it may have set the level.
    monkeypatch.setenv(loading.LEVEL, "1")
    monkeypatch.delenv(loading.LEVEL)
    logger = logging.getLogger("tensorflow")
    monkeypatch.setattr(logger, "level", logging.INFO)
    assert loading.import_keras() is keras
    assert loading.import_tensorflow() is tensorflow
    assert loading.LEVEL not in os.environ
    assert logger.level == logging.INFO
