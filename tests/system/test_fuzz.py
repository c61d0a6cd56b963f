"""Damaged files: accepted with a plausible result, or refused in one sentence; never worse."""

import fuzz_mutate
import pytest
from fuzz_run import judge, run_cases
from fuzz_targets import TARGETS

CASES = 26  # of each target; scripts/fuzz runs as many as it is told


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_damaged_files_never_crash_hang_or_pass_for_sound(target):
    verdicts = list(run_cases([(target, number) for number in range(CASES)], workers=1))
    assert len(verdicts) == CASES
    assert [v for v in verdicts if v.kind == "BAD"] == []
    assert any(v.kind == "refused" for v in verdicts)


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_the_same_files_without_damage_are_accepted(target, monkeypatch):
    """Else nothing but the first check would be tried."""
    for name in [name for name in vars(fuzz_mutate) if name.startswith("damage_")]:
        monkeypatch.setattr(fuzz_mutate, name, lambda sound, *how: sound)
    verdicts = [judge(target, number) for number in range(6)]
    assert [v for v in verdicts if v.kind != "accepted"] == []
