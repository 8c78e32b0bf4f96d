"""A file that a command writes is whole, or not there."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from operate.files import write_whole

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def ends_in_the_middle(monkeypatch):
    """Return a function after which every file that is written ends in its middle, with an error."""
    write_bytes = Path.write_bytes

    def ends_with(error):
        def half(self, content):
            write_bytes(self, content[: len(content) // 2])
            raise error

        monkeypatch.setattr(Path, "write_bytes", half)

    return ends_with


def test_a_file_is_written_and_nothing_beside_it(tmp_path):
    write_whole(tmp_path / "report.html", b"whole")

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"report.html": b"whole"}


def test_a_new_file_replaces_none(tmp_path):
    (tmp_path / "mapping.toml").write_bytes(b"of another")

    with pytest.raises(FileExistsError, match=r"mapping\.toml"):
        write_whole(tmp_path / "mapping.toml", b"ours", is_new=True)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"mapping.toml": b"of another"}


@pytest.mark.parametrize("is_new", [True, False])
def test_a_folder_that_is_none_is_named_by_the_file_that_was_asked_for(tmp_path, is_new):
    (tmp_path / "folder").write_bytes(b"a file")

    with pytest.raises(NotADirectoryError) as raised:
        write_whole(tmp_path / "folder" / "report.html", b"whole", is_new=is_new)

    assert raised.value.filename == str(tmp_path / "folder" / "report.html")


@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()], ids=["a full disk", "Ctrl-C"])
def test_what_ends_the_writing_leaves_no_half_of_a_file(tmp_path, ends_in_the_middle, error):
    (tmp_path / "report.html").write_bytes(b"the former")
    ends_in_the_middle(error)

    for name, is_new in (("report.html", False), ("mapping.toml", True)):
        with pytest.raises(type(error)) as raised:
            write_whole(tmp_path / name, b"another one", is_new=is_new)
        assert error is not FULL or raised.value.filename == str(tmp_path / name)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"report.html": b"the former"}


def test_a_disk_that_is_full_leaves_no_empty_mapping_behind_and_is_named(oqb, tmp_path, ends_in_the_middle):
    ends_in_the_middle(FULL)
    path = tmp_path / "mapping.toml"

    result = oqb("check", "companyA", "--from", "2026-01-01", "--mapping", str(path), "--write")

    assert result.exit_code == 1
    assert f"{path} could not be read or written: no space left on device." in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []
