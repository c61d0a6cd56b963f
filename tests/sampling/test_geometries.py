"""Geometries in files: what is written is found by every rank, and memory does not grow."""

import os

import numpy as np
import pytest

from redoxmc.errors import InputError
from redoxmc.sampling.cache import EnergyCache, Entry
from redoxmc.sampling.geometries import Geometries

KEYS = [f"{n:04b}|11" for n in range(10)]


def geometry(n):
    rng = np.random.default_rng(n)
    return rng.normal(size=(3, 3)), rng.normal(size=(4 + n, 3))


def written(folder, group=0, leader=True):
    one = Geometries()
    one.write_to(folder, group, leader)
    return one


def assert_same(one, two):
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a, b)


def test_a_rank_reads_what_another_writes_and_keeps_nothing(tmp_path):
    writer, reader = written(tmp_path, 0), written(tmp_path, 1)
    assert reader.get(KEYS[0], -1.0) is None
    for n, key in enumerate(KEYS):
        writer.add(key, -float(n), geometry(n))
        assert_same(reader.get(key, -float(n)), geometry(n))
    assert reader.get(KEYS[3], -3.5) is None  # another path's energy
    assert not writer.kept
    assert not reader.kept


def test_of_a_group_one_rank_writes(tmp_path):
    other = written(tmp_path, 0, leader=False)
    other.add(KEYS[0], -1.0, geometry(0))
    assert not other.kept
    assert not list(tmp_path.iterdir())


def test_a_record_that_a_kill_cut_short_is_cut_off(tmp_path):
    one = written(tmp_path)
    for n in range(3):
        one.add(KEYS[n], float(n), geometry(n))
    path = tmp_path / "00000.bin"
    os.truncate(path, path.stat().st_size - 5)
    again = written(tmp_path)
    again.add(KEYS[5], 5.0, geometry(5))
    for n in (0, 1, 5):
        assert_same(again.get(KEYS[n], float(n)), geometry(n))
    assert again.get(KEYS[2], 2.0) is None


def test_a_flipped_bit_is_no_geometry(tmp_path):
    one = written(tmp_path)
    one.add(KEYS[0], 0.0, geometry(0))
    data = bytearray((tmp_path / "00000.bin").read_bytes())
    data[60] ^= 1
    (tmp_path / "00000.bin").write_bytes(data)
    assert one.get(KEYS[0], 0.0) is None


def test_a_full_disk_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    one = written(tmp_path / "file")
    with pytest.raises(InputError, match=r"00000\.bin cannot be written"):
        one.add(KEYS[0], 0.0, geometry(0))


def test_what_was_in_memory_goes_into_the_files_once(tmp_path):
    for _ in range(2):
        cache = EnergyCache()
        for n, key in enumerate(KEYS):
            cache.add(key, Entry(float(n), 1), geometry(n))
        cache.write_geometries(tmp_path, 0, leader=True)
        assert not cache.geometries.kept
        size = cache.geometries.bytes_in_files
    assert size == sum(24 + len(KEYS[0]) + 8 * (9 + 3 * (4 + n)) for n in range(10))
    cache.read_geometries(KEYS[:2])
    cache.geometries.remove_files()
    assert set(cache.geometries.kept) == set(KEYS[:2])
    assert_same(cache.geometry(KEYS[1]), geometry(1))
    assert cache.geometry(KEYS[2]) is None
