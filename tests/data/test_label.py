"""`redoxmc label`: the right charge states, or a reason; no damaged file gives a wrong label."""

import json
import random
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from conftest import REPO
from dft_files import MOMENTS, SYMBOLS, TRUTH, frames, write_all
from typer.testing import CliRunner

from redoxmc.cli.label import parse_rules
from redoxmc.cli.main import app
from redoxmc.data.assign import Rules
from redoxmc.data.label import label_files
from redoxmc.errors import InputError
from redoxmc.io.extxyz import read_labelled, write_labelled
from redoxmc.species import Species

PUBLISHED = REPO.parent / "shared" / "data" / "published"
needs_published = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="the published VASP files are not on this machine"
)


def states(atoms: Atoms) -> list[str]:
    return [str(one) for one in atoms.arrays["charge_state"]]


def put(path: Path, images: list[Atoms]) -> Path:
    write_labelled(path, images)
    return path


# --- what is right, on published files -------------------------------------------------------


@needs_published
def test_published_outcars() -> None:
    files = sorted(PUBLISHED.glob("neb_image_*.OUTCAR"))
    result = label_files(files)
    assert (result.read, len(result.frames), result.dropped) == (4, 4, [])
    energies = [-1017.258487, -1017.060876, -1017.017276, -1017.060239]
    for atoms, energy in zip(result.frames, energies, strict=True):
        assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-6)
        assert [i for i, one in enumerate(states(atoms)) if one == "Fe2+"] == [14]
        assert Counter(states(atoms)) == {"Fe2+": 1, "Fe3+": 23, "P5+": 24, "O2-": 96, "Na+": 1}
    assert result.assignment["Fe"]["thresholds"] == [pytest.approx(4.06, abs=0.02)]
    assert result.assignment["Fe"]["gaps"] == [pytest.approx(0.53, abs=0.01)]


@needs_published
def test_published_path_drops_the_frames_without_moments() -> None:
    result = label_files([PUBLISHED / "neb_last.traj"])
    assert (result.read, len(result.frames)) == (7, 2)
    assert [(d.frame, d.reason) for d in result.dropped] == [
        (number, "it has no site moments") for number in range(1, 6)
    ]
    energies = [atoms.get_potential_energy() for atoms in result.frames]
    assert energies == pytest.approx([-1017.377794, -1017.377540], abs=1e-6)


@needs_published
@pytest.mark.parametrize("source", ["moments", "bader"])
def test_published_silicates_and_phosphates(source: str) -> None:
    rules = Rules(source=source, smallest_gap=0.1 if source == "bader" else 0.2)
    result = label_files([PUBLISHED / "one_hot_example.xyz"], rules)
    metals = [
        {k: n for k, n in Counter(states(atoms)).items() if k[:2] in ("Fe", "Mn", "Co", "Ni")}
        for atoms in result.frames
    ]
    assert metals == [
        {"Fe2+": 4, "Mn2+": 8, "Co2+": 4},
        {"Fe3+": 4, "Mn2+": 4, "Mn3+": 4, "Co2+": 4},
        {"Fe2+": 8, "Ni2+": 8},
        {"Fe3+": 4, "Mn2+": 4, "Mn3+": 4, "Ni2+": 4},
        {"Co3+": 8, "Ni2+": 8},
    ]


@needs_published
def test_published_manganese() -> None:
    result = label_files([PUBLISHED / "NaMnPO4.traj"])
    assert Counter(states(result.frames[0]))["Mn2+"] == 4


@needs_published
def test_everything_at_once_survives_a_round_trip(tmp_path: Path) -> None:
    result = label_files(sorted(PUBLISHED.iterdir()))
    assert (result.read, len(result.frames)) == (17, 12)
    write_labelled(tmp_path / "a.extxyz", result.frames)
    again = label_files([tmp_path / "a.extxyz"])
    write_labelled(tmp_path / "b.extxyz", again.frames)
    assert (tmp_path / "a.extxyz").read_bytes() == (tmp_path / "b.extxyz").read_bytes()
    for one, two in zip(result.frames, read_labelled(tmp_path / "b.extxyz"), strict=True):
        assert (one.get_forces() == two.get_forces()).all()
        assert one.get_potential_energy() == two.get_potential_energy()


# --- how states are found ----------------------------------------------------------------------


def test_all_formats_give_the_same_labels(tmp_path: Path) -> None:
    for path in write_all(tmp_path, frames()):
        result = label_files([path])
        found = [states(atoms) for atoms in result.frames]
        assert found == [TRUTH] * (1 if path.name == "vasprun.xml" else 3), path
        assert [d.reason for d in result.dropped] == ["it has no site moments"] * (3 - len(found))


def moved(shift: dict[str, float], count: int = 4) -> list[Atoms]:
    """Frames whose moments are shifted by charge state, as another code would have them."""
    out = frames(count)
    for atoms in out:
        atoms.calc.results["magmoms"] += [shift.get(one, 0.0) for one in TRUTH]
    return out


@pytest.mark.parametrize(
    "shift",
    [
        {"Fe2+": 0.21, "Fe3+": -0.01},  # CHGNet: 3.99 and 4.33
        {"Fe2+": -0.05, "Fe3+": -0.1},  # GPAW: 3.72 and 4.25
        {"Fe2+": -0.25, "Fe3+": -0.35},  # both below the usual threshold
        {"Fe2+": 0.35, "Fe3+": 0.2},  # both above it
    ],
)
def test_clusters_follow_the_data(tmp_path: Path, shift: dict[str, float]) -> None:
    result = label_files([put(tmp_path / "a.extxyz", moved(shift))])
    assert [states(atoms) for atoms in result.frames] == [TRUTH] * 4


def test_antiferromagnetic_order(tmp_path: Path) -> None:
    images = frames()
    for atoms in images:
        atoms.calc.results["magmoms"][1] *= -1
    result = label_files([put(tmp_path / "a.extxyz", images)])
    assert [states(atoms) for atoms in result.frames] == [TRUTH] * 3


def test_an_electron_shared_by_two_ions_has_no_label(tmp_path: Path) -> None:
    images = frames(4)
    images[1].calc.results["magmoms"][1:3] = 4.06  # both in between
    images[2].calc.results["magmoms"][1:3] = 3.95  # both Fe2+ by their moments, one electron short
    result = label_files([put(tmp_path / "a.extxyz", images)])
    assert [(d.frame, d.reason[:29]) for d in result.dropped] == [
        (1, "atom 1 (Fe, 4.06) is ambiguou"),
        (2, "its charge states Fe2+:2 Na+:"),
    ]
    assert "add up to -1" in result.dropped[1].reason
    assert [states(atoms) for atoms in result.frames] == [TRUTH] * 2


def test_one_cluster_alone_is_decided_by_neutrality(tmp_path: Path) -> None:
    truth = ["Na+", "Na+", "Fe2+", "Fe2+", "P5+", "P5+", *["O2-"] * 8]
    images = frames(2, truth, ["Na"] * 2 + SYMBOLS[1:])
    for atoms in images:
        atoms.calc.results["magmoms"][2:4] = 4.07  # nearer to the usual Fe3+
    result = label_files([put(tmp_path / "a.extxyz", images)])
    assert [states(atoms) for atoms in result.frames] == [truth] * 2


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda r: [r.pop("energy"), r.pop("free_energy")], "it has no energy"),
        (lambda r: r.pop("forces"), "it has no forces"),
        (lambda r: r.pop("magmoms"), "it has no site moments"),
        (lambda r: r["forces"].__setitem__((3, 1), np.nan), "its forces holds NaN"),
        (lambda r: r["forces"].__setitem__((3, 1), 1e6), "its forces reach 1e+06"),
        (lambda r: r["magmoms"].__setitem__(1, np.inf), "its magmoms holds NaN"),
        (lambda r: r["magmoms"].__setitem__(1, 0.3), "atom 1 (Fe, 0.30) is ambiguous"),
        (lambda r: r["magmoms"].__setitem__(5, 0.9), "atom 5 is O2-, a closed shell"),
    ],
)
def test_a_bad_frame_is_dropped_and_the_others_kept(tmp_path, damage, reason) -> None:
    images = frames(3)
    damage(images[1].calc.results)
    result = label_files([put(tmp_path / "a.extxyz", images)])
    assert len(result.frames) == 2
    assert [d.frame for d in result.dropped] == [1]
    assert reason in result.dropped[0].reason


def aliased(moments: bool = True) -> list[Atoms]:
    """Frames in the published convention: Fe3+ is written as Ga."""
    out = frames(2)
    for atoms in out:
        atoms.symbols[1] = "Ga"
        if not moments:
            del atoms.calc.results["magmoms"]
    return out


@pytest.mark.parametrize("moments", [True, False])
def test_alias(tmp_path: Path, moments: bool) -> None:
    path = put(tmp_path / "a.extxyz", aliased(moments))
    result = label_files([path], Rules(aliases={"Ga": Species("Fe", 3)}))
    assert [states(atoms) for atoms in result.frames] == [TRUTH] * 2
    assert list(result.frames[0].symbols) == SYMBOLS
    assert not label_files([path]).frames


def test_an_alias_that_the_moments_contradict(tmp_path: Path) -> None:
    images = aliased()
    images[0].calc.results["magmoms"][1] = 3.78
    path = put(tmp_path / "a.extxyz", images)
    result = label_files([path], Rules(aliases={"Ga": Species("Fe", 3)}))
    assert len(result.frames) == 1
    assert "contradicts Fe3+" in result.dropped[0].reason


def test_threshold_states_and_moments_of_the_user(tmp_path: Path) -> None:
    images = frames()
    path = put(tmp_path / "a.extxyz", images)
    assert len(label_files([path], parse_rules([], [], ["Fe=4.0"], False, None)).frames) == 3
    assert not label_files([path], parse_rules([], [], ["Fe=4.35"], False, None)).frames
    with pytest.raises(InputError, match="does not lie between the moments"):
        label_files([path], parse_rules([], ["Fe2+,Fe3+,Fe4+=2"], ["Fe=9"], False, None))
    only = label_files([path], parse_rules([], ["Fe3+"], [], False, None))
    assert {d.reason[-8:] for d in only.dropped} == {"up to +1"}
    for atoms in images:  # an element of which nothing is known
        atoms.symbols[1:3] = "Ru"
    path = put(tmp_path / "a.extxyz", images)
    assert "no usual charge state is known for Ru" in label_files([path]).dropped[0].reason
    told = parse_rules([], ["Ru2+=3.8,Ru3+=4.3"], [], False, None)
    assert states(label_files([path], told).frames[0])[1:3] == ["Ru3+", "Ru2+"]


def bader(images: list[Atoms], sign: float = -1.0) -> list[Atoms]:
    charges = {"Na+": 0.88, "Fe2+": 1.48, "Fe3+": 1.94, "P5+": 5.0, "O2-": -1.8}
    for atoms in images:
        atoms.arrays["bader_charge"] = sign * np.array([charges[one] for one in TRUTH])
        del atoms.calc.results["magmoms"]
    return images


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_bader_charges_of_either_sign(tmp_path: Path, sign: float) -> None:
    path = put(tmp_path / "a.extxyz", bader(frames(), sign))
    result = label_files([path], Rules(source="bader", smallest_gap=0.1))
    assert [states(atoms) for atoms in result.frames] == [TRUTH] * 3


def test_bader_charges_that_allow_two_assignments(tmp_path: Path) -> None:
    images = bader(frames())
    for atoms in images:
        atoms.symbols[2] = "Mn"  # Fe3+ Mn2+ or Fe2+ Mn3+: one value of each decides nothing
    result = label_files(
        [put(tmp_path / "a.extxyz", images)], Rules(source="bader", smallest_gap=0.1)
    )
    assert {d.reason for d in result.dropped} == {
        "its Bader charges allow more than one neutral assignment"
    }


def test_acf_beside_an_outcar(tmp_path: Path) -> None:
    path = write_all(tmp_path, frames(1))[0]
    electrons = 8.0 - bader(frames(1), 1.0)[0].arrays["bader_charge"]
    rows = [f"{k} 0 0 0 {e:.6f} 1 1" for k, e in enumerate(electrons, start=1)]
    head, tail = "    #         X           Y\n -----\n", "\n ----\n VACUUM CHARGE: 0.0\n"
    (tmp_path / "ACF.dat").write_text(head + "\n".join(rows) + tail)
    result = label_files([path], Rules(source="bader", smallest_gap=0.1))
    assert [states(atoms) for atoms in result.frames] == [TRUTH]


def test_an_element_of_several_states_and_spins(tmp_path: Path) -> None:
    symbols = ["Co"] * 3 + ["O"] * 4
    truth = ["Co2+", "Co3+", "Co3+", *["O2-"] * 4]
    atoms = Atoms(symbols, positions=2.0 * np.arange(21).reshape(7, 3), cell=[50] * 3, pbc=True)
    moments = np.array([2.77, 0.02, 3.1, 0.1, 0.1, 0.1, 0.1])  # low and high spin Co3+
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=np.zeros((7, 3)), magmoms=moments)
    result = label_files([put(tmp_path / "a.extxyz", [atoms])])
    assert [states(atoms) for atoms in result.frames] == [truth]


# --- damaged files -----------------------------------------------------------------------------


def damaged(data: bytes, rng: random.Random) -> bytes:
    kind = rng.randrange(6)
    at = rng.randrange(len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:  # a few flipped bits
        out = bytearray(data)
        for _ in range(rng.randrange(1, 4)):
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
        return bytes(out)
    if kind == 2:
        return data[:at] + data[at + rng.randrange(1, 200) :]
    if kind == 3:
        return data[:at] + rng.randbytes(rng.randrange(1, 100)) + data[at:]
    if kind == 4:  # a number is lost
        return data[:at] + data[at:].replace(b"0.", rng.choice([b"NaN", b"****", b""]), 1)
    return data[:at] + bytes(rng.randrange(8, 300)) + data[at + rng.randrange(1, 300) :]


def test_damaged_files_never_give_a_traceback_a_hang_or_a_wrong_label(tmp_path: Path) -> None:
    """500 damaged files of 5 formats; each must end in good labels or in reasons, within 5 s."""
    rng = random.Random(11)
    wanted = (tuple(SYMBOLS), tuple(TRUTH))

    def give_up(*_: object) -> None:
        raise TimeoutError

    previous = signal.signal(signal.SIGALRM, give_up)
    lost = 0
    try:
        for original in write_all(tmp_path, frames()):
            data = original.read_bytes()
            for number in range(100):
                path = tmp_path / f"damaged_{number}"
                path.write_bytes(damaged(data, rng))
                signal.alarm(5)
                result = label_files([path])
                signal.alarm(0)
                for atoms in result.frames:
                    assert (tuple(atoms.symbols), tuple(states(atoms))) == wanted, (
                        original,
                        number,
                    )
                assert all(one.reason and one.file == str(path) for one in result.dropped)
                lost += bool(result.dropped)
                path.unlink()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
    assert lost > 200  # the damage was seen


# --- the command -------------------------------------------------------------------------------


def test_command(tmp_path: Path) -> None:
    images = frames()
    del images[2].calc.results["magmoms"]
    path = put(tmp_path / "a.extxyz", images)
    (tmp_path / "letter.txt").write_text("Dear friend,\n")
    out, report = tmp_path / "out.extxyz", tmp_path / "report.json"
    words = ["label", str(path), str(tmp_path / "letter.txt")]
    outcome = CliRunner().invoke(app, [*words, "--out", str(out), "--json", str(report)])
    assert outcome.exit_code == 0, outcome.output
    data = json.loads(report.read_text())
    assert (data["read"], data["written"]) == (4, 2)
    assert [(Path(d["file"]).name, d["frame"]) for d in data["dropped"]] == [
        ("a.extxyz", 2),
        ("letter.txt", 0),
    ]
    assert "Fe2+ 3.78 µB (2 atoms)" in outcome.output
    assert [states(atoms) for atoms in read_labelled(out)] == [TRUTH] * 2
    assert MOMENTS["Fe2+"] == pytest.approx(
        data["assignment"]["Fe"]["clusters"][0]["mean"], abs=0.01
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--alias", "Ga=Xx3+"], "'Xx3\\+' is not a charge-state species"),
        (["--alias", "Ga=Fe7+"], "Fe7\\+ is not among the states of Fe"),
        (["--alias", "Ga"], "not a charge-state species"),
        (["--threshold", "Fe=high"], "'high' is not a number"),
        (["--states", "Fe2"], "not a charge-state species"),
        (["--gap", "-1"], "--gap must be positive"),
        ([], "none of 1 frames could be labelled"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, words, message) -> None:
    path = tmp_path / "a"
    path.write_text("no data\n")
    outcome = CliRunner().invoke(app, ["label", str(path), "--out", str(tmp_path / "b"), *words])
    assert isinstance(outcome.exception, InputError)
    assert outcome.exception.args
    with pytest.raises(InputError, match=message):
        raise outcome.exception
    assert not (tmp_path / "b").exists()
