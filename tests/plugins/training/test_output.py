import pytest

from latent_analyze import OptionError, StoreError
from latent_analyze_plugins.training.output import require_free, staged, writing


def fill(output, meanwhile=lambda: None):
    with staged(output) as folder:
        (folder / "model.toml").write_text("whole")
        meanwhile()


@pytest.mark.parametrize("exists", [False, True])
def test_a_new_or_empty_folder_is_taken(tmp_path, exists):
    output = tmp_path / "a" / "model"
    if exists:
        output.mkdir(parents=True)
    require_free(output)
    fill(output)
    assert (output / "model.toml").read_text() == "whole"
    assert [path.name for path in output.parent.iterdir()] == ["model"]


def test_a_folder_in_use_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(OptionError, match=r"new or empty folder.*files in it.*-o"):
        require_free(tmp_path)


def test_a_file_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(OptionError, match="found a file"):
        require_free(tmp_path / "mine.txt")


def test_a_folder_filled_meanwhile_is_kept(tmp_path):
    output = tmp_path / "model"
    with pytest.raises(StoreError, match="write the model"):
        fill(output, meanwhile=lambda: (output.mkdir(), (output / "mine.txt").write_text("keep")))
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "mine.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_nothing(tmp_path, error):
    def fail():
        raise error

    with pytest.raises(error):
        fill(tmp_path / "model", meanwhile=fail)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreError, match="to write the model to"), staged(tmp_path / "file" / "x"):
        pass


def test_a_full_disk_is_one_line(tmp_path):
    with pytest.raises(StoreError, match=r"No space left.*-o"), writing(tmp_path):
        raise OSError(28, "No space left on device")
