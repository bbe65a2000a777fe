"""Images are untrusted input: mutants of every format, and a harness that notices what escapes."""

from __future__ import annotations

import sys

import image_mutations
import pytest
from image_files import bases
from image_mutants import KINDS, Mutant, mutant
from mutation_runs import MEMORY, run, watch

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the memory used")


@linux
def test_none_escapes():
    verdicts = dict(run(image_mutations.IMAGES, 180, seed=0, workers=1))
    assert sorted(verdicts) == list(range(180))
    assert set(verdicts.values()) == {"error", "result"}


@pytest.mark.parametrize("name", bases())
def test_the_unharmed_files_are_read(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(bases()[name])
    assert image_mutations.attempt(path, Mutant(name, b"", like=name)) == "result"


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_same_seed_same_mutant(kind):
    assert mutant(3, kind) == mutant(3, kind)
    others = [mutant(seed, kind) for seed in range(4, 12)]
    assert any(other != mutant(3, kind) for other in others)


class TestEscapesAreNoticed:
    def attempt(self, tmp_path, made):
        (tmp_path / made.name).write_bytes(bases()["rgb.png"])
        return image_mutations.attempt(tmp_path / made.name, made)

    def test_pixels_of_another_image(self, tmp_path):
        found = self.attempt(tmp_path, Mutant("a.png", b"", like="rgb.bmp"))
        assert found == "result"
        found = self.attempt(tmp_path, Mutant("a.png", b"", like="deep.png"))
        assert found == "half-read rows of deep.png"

    def test_what_must_not_be_read(self, tmp_path):
        found = self.attempt(tmp_path, Mutant("a.png", b"", refused=True))
        assert "must not be" in found

    @linux
    def test_other_exceptions_memory_and_files(self, tmp_path, monkeypatch):
        def crash(path):
            raise RuntimeError("boom")

        monkeypatch.setattr(image_mutations, "read", crash)
        made = Mutant("a.png", b"")
        assert watch(lambda: self.attempt(tmp_path, made)) == "RuntimeError: boom"
        greedy = watch(lambda: str(len(bytearray(MEMORY + (1 << 26)))))
        assert greedy.endswith("MiB of memory")
