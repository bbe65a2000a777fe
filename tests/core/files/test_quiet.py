"""Lines held back from standard error."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from latent_analyze.files.quiet import quiet_stderr

NOISE = re.compile(rb"I\d+ |starting")


RUN = "import os, re, sys; from latent_analyze.files.quiet import quiet_stderr as quiet\n"


def run(code):
    command = [sys.executable, "-c", RUN + code]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_noise_is_dropped_and_the_rest_is_kept_in_order():
    done = run(
        "print('I00 before', file=sys.stderr)\n"
        "with quiet(re.compile(rb'I\\d+ |starting')):\n"
        "    print('I01 by Python', file=sys.stderr)\n"
        "    print('a warning of I02', file=sys.stderr, flush=True)\n"
        "    os.write(2, b'starting up\\nE03 no driver\\n')\n"
        "print('I04 after', file=sys.stderr)"
    )
    assert done.stderr == "I00 before\na warning of I02\nE03 no driver\nI04 after\n"


def test_a_block_that_fails_shows_everything(capfd):
    def fail():
        with quiet_stderr(NOISE):
            os.write(2, b"starting up\nE01 no driver\n")
            raise ImportError("gone")

    with pytest.raises(ImportError, match="gone"):
        fail()
    assert capfd.readouterr().err == "starting up\nE01 no driver\n"


def test_blocks_nest_and_standard_error_is_given_back(capfd):
    with quiet_stderr(re.compile(b"a")):
        with quiet_stderr(re.compile(b"b")):
            os.write(2, b"a\nb\nc\n")
        os.write(2, b"b later\n")
    os.write(2, b"a at the end\n")
    assert capfd.readouterr().err == "c\nb later\na at the end\n"


def test_what_has_no_line_end_and_no_text(capfd):
    with quiet_stderr(NOISE):
        os.write(2, b"\xff\xfe no text\nlast")
    assert capfd.readouterr().err == "\ufffd\ufffd no text\nlast"


def test_a_program_without_standard_error():
    done = run("os.close(2); sys.stderr = None\nwith quiet(re.compile(b'x')): print('runs')")
    assert done.stdout == "runs\n"
