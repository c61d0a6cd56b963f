"""What a potential may say to LAMMPS: nothing that runs a program or reads another folder."""

import shutil

import pytest
from conftest import REFERENCE

from redoxmc.errors import InputError
from redoxmc.model_card import load_card
from redoxmc.model_card.commands import read_commands

STYLE = "pair_style lj/cut 3.0\npair_coeff * * 0.1 2.0\n"


@pytest.fixture
def potential(tmp_path):
    folder = shutil.copytree(REFERENCE, tmp_path / "model")
    return folder / "potential.lmp"


def refuse(potential, text, said):
    potential.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_card(potential.parent)
    assert said in str(caught.value)
    assert str(potential.parent) in str(caught.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("shell touch /tmp/planted", "the command 'shell' is not allowed"),
        ("python f source here 'x'", "the command 'python' is not allowed"),
        ("variable a getenv HOME", "the command 'variable' is not allowed"),
        ('print "x" file out.txt', "the command 'print' is not allowed"),
        ("plugin load evil.so", "the command 'plugin' is not allowed"),
        ("jump other.lmp", "the command 'jump' is not allowed"),
        ("pair_style python 5.0", "pair_style python is not allowed"),
        ("pair_style hybrid/overlay mliap model coul/long 8.0", "pair_style mliap is not allowed"),
        ("pair_style kim model", "pair_style kim is not allowed"),
        ("pair_modify shift $(1)", "'$' in"),
        ('pair_coeff * * "a b"', "is not allowed in a potential"),
        ("include ../other.lmp", "outside of the folder"),
        ("include /etc/passwd", "outside of the folder"),
        ("include missing.lmp", "must name one file of the folder"),
        ("include potential.lmp", "(to a depth of 5)"),
        ("pair_coeff 1 2 table ../a.table A", "outside of the folder"),
        ("pair_modify shift &\nyes &\nshell", "'shell' is not allowed"),
    ],
)
def test_what_is_no_potential_is_refused(potential, line, said):
    if "&" in line:  # a continued line is one command, and the word is not its first
        potential.write_text(STYLE + line)
        assert read_commands(potential).lines[-1] == "pair_modify shift yes shell"
        return
    refuse(potential, STYLE + line + "\n", said)


@pytest.mark.parametrize("text", ["", "# nothing\n", "kspace_style ewald 1e-6\n"])
def test_a_potential_without_a_pair_style_is_refused(potential, text):
    refuse(potential, text, "defines no pair style")


def test_a_link_out_of_the_folder_is_refused(potential, tmp_path):
    (tmp_path / "secret.table").write_text("x")
    (potential.parent / "a.table").symlink_to(tmp_path / "secret.table")
    refuse(potential, STYLE + "pair_coeff 1 2 table a.table A\n", "is a link out of the folder")


def test_a_file_of_the_working_folder_is_refused(potential, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cu.eam").write_text("x")
    refuse(potential, STYLE + "pair_coeff * * cu.eam\n", "would be read from outside")


def test_includes_and_data_files_count_for_the_identity(potential):
    folder = potential.parent
    first = load_card(folder).identity
    text = potential.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    (folder / "part.lmp").write_text("".join(lines[3:]), encoding="utf-8")
    potential.write_text("".join(lines[:3]) + "include part.lmp\n", encoding="utf-8")
    assert load_card(folder).identity == first  # the same commands
    part = (folder / "part.lmp").read_text(encoding="utf-8")
    (folder / "part.lmp").write_text(part.replace("0.023363", "0.023364"), encoding="utf-8")
    assert load_card(folder).identity != first

    (folder / "a.table").write_text("1")
    (folder / "part.lmp").write_text(part + "pair_coeff 1 2 table a.table\n", encoding="utf-8")
    with_table = load_card(folder)
    assert with_table.files == ("a.table",)
    assert with_table.commands.located(folder)[-1] == f"pair_coeff 1 2 table {folder}/a.table"
    (folder / "a.table").write_text("2")
    assert load_card(folder).identity != with_table.identity
