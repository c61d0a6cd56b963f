"""What is taken from the cache: this user's own files, unchanged."""

import os
import time

import pytest

from redoxmc.errors import InputError
from redoxmc.io import cache


@pytest.fixture
def library(tmp_path):
    path = tmp_path / "cache" / "native-1.so"
    cache.make_private(path.parent)
    path.write_bytes(b"machine code")
    cache.seal(path, "the source")
    return path


def test_a_sealed_file_is_taken(library):
    assert cache.is_sealed(library, "the source")
    assert library.parent.stat().st_mode & 0o077 == 0


def test_another_source_another_content_or_no_seal_is_not(library):
    assert not cache.is_sealed(library, "another source")
    record = library.with_name(library.name + cache.SEAL)
    for path in (library, record):
        path.chmod(0o666)
        assert not cache.is_sealed(library, "the source")
        path.chmod(0o644)
    library.parent.chmod(0o777)  # someone may have planted both
    assert not cache.is_sealed(library, "the source")
    library.parent.chmod(0o700)
    library.write_bytes(b"machine codf")
    assert not cache.is_sealed(library, "the source")
    record.unlink()
    assert not cache.is_sealed(library, "the source")


def test_a_library_under_another_name_is_not_taken(library):
    other = library.with_name("native-2.so")
    for suffix in ("", cache.SEAL):
        os.link(library.with_name(library.name + suffix), other.with_name(other.name + suffix))
    assert not cache.is_sealed(other, "the source")


def test_a_folder_of_everyone_is_refused(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(InputError, match=r"others can write to .* \(mode 777\)"):
        cache.make_private(tmp_path / "open")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_not_taken(library):
    os.chown(library, 12345, -1)
    assert "belongs to another user" in cache.distrust(library)
    assert not cache.is_sealed(library, "the source")


def age(path, days):
    then = time.time() - days * 86400
    os.utime(path, (then, then))


def test_what_was_not_used_for_long_is_removed(library):
    record = library.with_name(library.name + cache.SEAL)
    age(library, 100)
    cache.prune(library.parent, "native-*.so", 90, 10**9)
    assert library.exists()  # its seal was touched when it was used
    age(record, 100)
    cache.prune(library.parent, "native-*.so", 90, 10**9)
    assert list(library.parent.iterdir()) == []


def test_the_longest_unused_goes_where_all_take_too_much(tmp_path):
    for number in range(3):
        path = tmp_path / f"native-{number}.so"
        path.write_bytes(bytes(100))
        age(path, 3 - number)
    cache.prune(tmp_path, "native-*.so", 90, 250)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["native-1.so", "native-2.so"]


def test_leftovers_of_killed_processes_go_and_work_in_progress_stays(tmp_path):
    for name, days in ((".compile-old", 1), (".compile-new", 0)):
        (tmp_path / name).mkdir()
        age(tmp_path / name, days)
    cache.remove_stale(tmp_path, ".compile-*")
    assert [p.name for p in tmp_path.iterdir()] == [".compile-new"]
