"""One run a folder: who holds it, and when a lock counts for nothing."""

import json
import os
import socket
import subprocess

import pytest

from redoxmc.campaign import lock
from redoxmc.campaign.lock import check_lock, locked
from redoxmc.errors import InputError


def forge(folder, **changes):
    """A lock as another run writes it."""
    folder.mkdir(exist_ok=True)
    holder = {"owner": "ann", "host": "node7", "pid": 41, "since": "2026-01-01", "started": "5"}
    (folder / "LOCK").write_text(json.dumps(holder | changes))


def test_a_folder_is_held_once_and_let_go(tmp_path):
    out = tmp_path / "deep" / "out"
    with locked(out):
        own = json.loads((out / "LOCK").read_text())
        assert (own["host"], own["pid"]) == (socket.gethostname(), os.getpid())
        check_lock(out)
        with (
            pytest.raises(InputError, match=f"process {os.getpid()} on {own['host']}"),
            locked(out),
        ):
            pass
    assert not (out / "LOCK").exists()
    with locked(out):
        pass


def test_a_run_of_another_host_is_believed_while_it_shows_life(tmp_path):
    forge(tmp_path)
    with pytest.raises(InputError, match="in use by ann's process 41 on node7"), locked(tmp_path):
        pass
    before = os.stat(tmp_path / "LOCK").st_mtime - lock.STALE_SECONDS - 5
    os.utime(tmp_path / "LOCK", (before, before))
    with locked(tmp_path):
        assert json.loads((tmp_path / "LOCK").read_text())["pid"] == os.getpid()


def test_a_lock_of_a_dead_process_is_stale_also_where_its_number_is_in_use_again(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    for pid in (dead.pid, os.getpid()):  # ours, but begun at another time
        forge(tmp_path, host=socket.gethostname(), pid=pid)
        with locked(tmp_path):
            assert json.loads((tmp_path / "LOCK").read_text())["started"] != "5"


def test_who_has_lost_the_folder_is_told_and_leaves_the_lock(tmp_path):
    with locked(tmp_path):
        forge(tmp_path)
        with pytest.raises(InputError, match="was taken over by ann's process 41 on node7"):
            check_lock(tmp_path)
    assert (tmp_path / "LOCK").exists()


def test_a_half_written_lock_counts(tmp_path):
    (tmp_path / "LOCK").write_text('{"owner": "an')
    with pytest.raises(InputError, match="a run that does not say which"), locked(tmp_path):
        pass


def test_signs_of_life_are_given(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.01)
    with locked(tmp_path):
        os.utime(tmp_path / "LOCK", (0, 0))
        for _ in range(500):
            if os.stat(tmp_path / "LOCK").st_mtime > 0:
                break
            lock.time.sleep(0.01)
        assert os.stat(tmp_path / "LOCK").st_mtime > 0


def test_a_full_disk_leaves_no_lock_behind(tmp_path, monkeypatch):
    """An empty one would refuse every later run."""

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("pathlib.Path.write_text", full)
        with pytest.raises(InputError, match="cannot be written: No space left"), locked(tmp_path):
            pass
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["LOCK"]
