"""Points to draw beside a hull."""

import pytest

from redoxmc.campaign.run import run_campaign
from redoxmc.errors import InputError
from redoxmc.io.points import parse_points, read_points


def test_points_come_by_label(tmp_path):
    text = 'label,x,energy\n"DFT, 28 atoms",0.5,-0.02\n# a remark\nother,1,0\n"DFT, 28 atoms",0,0\n'
    (tmp_path / "p.csv").write_text(text)
    assert read_points(tmp_path / "p.csv") == text
    assert parse_points(text, "p") == {
        "DFT, 28 atoms": [(0.5, -0.02), (0.0, 0.0)],
        "other": [(1.0, 0.0)],
    }


@pytest.mark.parametrize("text", [None, "label,x\nhere,0.5\n", "label,x,energy\nhere,half,0\n"])
def test_bad_points_are_refused_before_anything_is_run(campaign, tmp_path, text):
    if text is not None:
        (tmp_path / "points.csv").write_text(text)
    config = campaign(more="[report]\nhull_points = 'points.csv'")
    with pytest.raises(InputError, match=r"report\.hull_points: .*points\.csv") as caught:
        run_campaign(config, tmp_path / "out", progress=False)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
