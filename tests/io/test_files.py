import os
import stat
import subprocess

import pytest

from redoxmc.errors import InputError
from redoxmc.io.files import beside, remove_left_overs, replace_atomically, write_atomically


def test_a_written_file_holds_the_text_and_nothing_stays_behind(tmp_path):
    path = tmp_path / "new" / "file.txt"
    write_atomically(path, "one")
    write_atomically(path, "two")
    assert path.read_text() == "two"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.txt"
    write_atomically(path, "old")

    def fail(temporary):
        temporary.write_text("half")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        replace_atomically(path, fail)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_a_folder_that_is_a_file_is_bad_input(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InputError, match=r"out/deep/summary.json cannot be written"):
        write_atomically(tmp_path / "out" / "deep" / "summary.json", "x")


def test_the_content_is_on_the_disk_before_the_name_and_the_name_before_it_is_done(
    tmp_path, monkeypatch
):
    done, fsync, replace = [], os.fsync, os.replace

    def sync(descriptor):
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        done.append("folder" if folder else f"file of {os.fstat(descriptor).st_size} bytes")
        fsync(descriptor)

    def rename(*names):
        done.append("rename")
        replace(*names)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", rename)
    write_atomically(tmp_path / "file.txt", "twelve bytes")
    assert done == ["file of 12 bytes", "rename", "folder"]


def test_left_overs_of_dead_processes_go_and_all_else_stays(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    for kind in ("tmp", "earlier", "lock"):
        (tmp_path / f".results.h5.{dead.pid}.{kind}").touch()
    kept = [beside(tmp_path / "summary.json", "tmp"), tmp_path / f".bashrc.{dead.pid}"]
    kept += [tmp_path / "results.h5", tmp_path / f"results.{dead.pid}.tmp"]
    for path in kept:
        path.touch()
    remove_left_overs(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(kept)
