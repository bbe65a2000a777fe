"""An encode that is killed at any moment and run again writes the same bytes."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from store_fakes import FakeDataset, FakeModel, encode_fakes, interrupt_encode, tree

from latent_analyze.store import StoreWriter, read_attributes

HELPERS = Path(__file__).parents[1] / "helpers"
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


def run_driver(*arguments):
    command = [sys.executable, HELPERS / "killed_encode.py", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "s.zarr"
    encode_fakes(path, FakeModel(), FakeDataset(bad=(3, 17, 49)), nonfinite="drop")
    return tree(path.parent)


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    return int(run_driver(tmp_path_factory.mktemp("counted")))


def assert_all_equal(folder, moments, undisturbed):
    run_driver(folder, *moments)
    for moment in moments:
        assert tree(folder / f"kill-{moment}") == undisturbed, moment


def test_killed_at_moments_throughout_the_run(tmp_path, events, undisturbed):
    moments = [str(1 + i * (events - 1) // 23) for i in range(24)]
    assert_all_equal(tmp_path, moments, undisturbed)


def test_killed_with_torn_files_between_data_and_journal(tmp_path, events, undisturbed):
    middle = events // 2
    assert_all_equal(tmp_path, [f"{middle + i}t" for i in range(0, 36, 2)], undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["", "t"])
def test_killed_at_every_moment(tmp_path, events, undisturbed, suffix):
    assert_all_equal(tmp_path, [f"{i}{suffix}" for i in range(1, events + 1)], undisturbed)


def test_killed_at_random_times_again_and_again(tmp_path, undisturbed):
    path = tmp_path / "s.zarr"
    script = (
        "import sys, time; from store_fakes import *\n"
        "class Slow(FakeModel):\n"
        "    def encode(self, x):\n"
        "        time.sleep(0.05); return super().encode(x)\n"
        "print('go', flush=True)\n"
        "encode_fakes(sys.argv[1], Slow(), FakeDataset(bad=(3, 17, 49)), nonfinite='drop')\n"
    )
    choice, kills, code = random.Random(7), 0, None
    while code != 0:
        child = subprocess.Popen(
            [sys.executable, "-c", script, path],
            env={**os.environ, "PYTHONPATH": str(HELPERS)},
            stdout=subprocess.PIPE,
        )
        with child:
            child.stdout.readline()
            time.sleep(choice.uniform(0.05, 0.35 + kills / 4))
            child.send_signal(signal.SIGKILL)
        code = child.returncode
        kills += code != 0
        assert kills < 20
    assert kills >= 1
    assert tree(tmp_path) == undisturbed


def test_at_most_the_block_in_flight_is_lost(tmp_path):
    path = tmp_path / "s.zarr"
    interrupt_encode(path, 5)  # after 40 rows: two blocks of 16, and half a block
    with StoreWriter(path, read_attributes(path)) as writer:
        assert (len(writer.records), writer.next_row) == (2, 32)
    model = FakeModel()
    encode_fakes(path, model)
    assert model.batches == [8, 8, 2]
