"""The checks of blocks find what is wrong: an option, a key, a script, a path that is not there."""

import pytest
from doc_blocks import blocks_of, commands
from doc_checks import faults, faults_of_page

from redoxmc.errors import InputError


def page(folder, text):
    path = folder / "page.md"
    path.write_text(text, encoding="utf-8")
    return path


def fence(language, text, mark=""):
    return f"{mark}\n```{language}\n{text}\n```\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("mpirun -n 2 redoxmc run a.toml --output r", "redoxmc run has no option --output"),
        ("OMP_NUM_THREADS=1 redoxmc rerun a.toml", "redoxmc has no verb 'rerun'"),
        ("redoxmc doctor && scripts/benchmark", "scripts/benchmark does not exist"),
        (".venv/bin/python scripts/fuzz 10 --seeds 3", "scripts/fuzz has no option --seeds"),
        ("redoxmc analyze r \\\n  --html f", "redoxmc analyze has no option --html"),
    ],
)
def test_commands(text, fault, tmp_path):
    (block,) = blocks_of(page(tmp_path, fence("bash", text)))
    assert faults(block) == [fault]


def test_sound_commands(tmp_path):
    text = "redoxmc run a.toml --out r --resume  # on\n.venv/bin/python scripts/fuzz 10 --seed 3"
    (block,) = blocks_of(page(tmp_path, fence("bash", text)))
    assert faults(block) == []
    assert commands("a | b  # c | d\ne && f") == [["a"], ["b"], ["e"], ["f"]]


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("[sampling]\ntemperature = [300.0]", ""),
        ("[relax]\ncell = 3", ""),
        ("[optimiser]\nepochs = 1", "<!-- toml: training -->"),
    ],
)
def test_unknown_keys_of_settings(text, mark, tmp_path):
    (block,) = blocks_of(page(tmp_path, fence("toml", text, mark)))
    with pytest.raises(InputError, match=r"page\.md: .*(temperature|cell|optimiser)"):
        faults(block)


def test_unknown_keys_of_a_card(tmp_path):
    text = fence("toml", "species = []\ncolour = 1", "<!-- toml: card -->")
    (block,) = blocks_of(page(tmp_path, text))
    assert faults(block) == ["a card has no key 'colour'"]


def test_names_in_the_text(tmp_path):
    text = "`scripts/bench/nothing --all`, `potentials/mine/card.toml`, `redoxmc run C --outt D`"
    assert faults_of_page(page(tmp_path, text)) == [
        "scripts/bench/nothing does not exist",
        "scripts/bench/nothing does not exist",
        "redoxmc run has no option --outt",
    ]


def test_marks_belong_to_the_next_fence(tmp_path):
    text = "<!-- not run: a reason -->\n" + fence("bash", "a") + "<!-- slow: x -->\nwords\n"
    first, second = blocks_of(page(tmp_path, text + fence("python", "1 / 0")))
    assert first.marks == {"not run": "a reason"}
    assert (second.marks, second.text) == ({}, "1 / 0\n")
    with pytest.raises(ValueError, match="the fence is not closed"):
        blocks_of(page(tmp_path, "```bash\nls"))
