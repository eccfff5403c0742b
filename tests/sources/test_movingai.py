"""Maps with problems: rows as pictures, points and optimal routes; whole maps held out; what is wrong named."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sixfold.errors import SourceError
from sixfold.sources.movingai import Movingai

MAP = "type octile\nheight 3\nwidth 4\nmap\n....\n.@T.\n..G.\n"
SCEN = "version 1\n0\ta.map\t4\t3\t0\t0\t3\t2\t5\n0\ta.map\t4\t3\t0\t0\t1\t0\t1\n0\ta.map\t4\t3\t0\t0\t3\t0\t0\n"


def made(folder: Path, names: str = "abcd", plan: str = MAP, scenario: str = SCEN) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.map").write_text(plan)
        (folder / f"{name}.map.scen").write_text(scenario)
    return folder


def test_a_row_is_a_map_two_points_and_an_optimal_route(tmp_path: Path) -> None:
    frames = list(Movingai(f"movingai:{made(tmp_path / 'maps')}").frames())
    assert [frame["__split__"][0] for frame in frames] == ["train", "train", "train", "test"]
    assert frames[0]["start"].to_list() == ["0,0", "0,0"]  # the problem without a way is left out
    far, near = frames[0]["route"].to_list()
    assert near == "0,0 1,0"
    assert (far[:3], far[-3:], len(far.split())) == ("0,0", "3,2", 6)
    picture = np.asarray(Image.open(io.BytesIO(frames[0]["image"][0])))
    assert (picture > 0).tolist() == [[True] * 4, [True, False, False, True], [True] * 4]


def test_an_archive_is_read_like_a_folder_and_maps_are_held_out_by_name(tmp_path: Path) -> None:
    folder = made(tmp_path / "maps", "ab")
    with zipfile.ZipFile(tmp_path / "maps.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"dao/{file.name}")
    source = Movingai("movingai:maps.zip", Movingai.Options(problems=1, held_out=("a",)), tmp_path)
    frames = list(source.frames())
    assert [(frame.height, frame["__split__"][0]) for frame in frames] == [(1, "test"), (1, "train")]
    assert source.provenance().bytes == 2 * (len(MAP) + len(SCEN))


@pytest.mark.parametrize(
    ("plan", "scenario", "held_out", "slug"),
    [
        ("type octile\nheight 3\n", SCEN, None, "bad_map"),
        (MAP.replace("height 3", "height 9"), SCEN, None, "bad_map"),
        (MAP.replace("width 4", "width x"), SCEN, None, "bad_map"),
        (MAP.replace("height 3", "height 99999"), SCEN, None, "bad_map"),
        (MAP, "version 1\n0 a 4 3 0 0\n", None, "bad_scenario"),
        (MAP, SCEN.replace("\t0\t0\t3\t2\t5", "\t1\t1\t3\t2\t5"), None, "bad_scenario"),
        (MAP, SCEN.replace("\t3\t2\t5", "\t9\t2\t5"), None, "bad_scenario"),
        (MAP, SCEN.replace("\t3\t2\t5", "\t3\t2\t4.5"), None, "other_optimum"),
        (MAP, SCEN, ("z",), "no_such_map"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, plan: str, scenario: str, held_out, slug: str) -> None:
    source = Movingai(f"movingai:{made(tmp_path / 'maps', 'ab', plan, scenario)}", Movingai.Options(held_out=held_out))
    with pytest.raises(SourceError) as caught:
        list(source.frames())
    assert caught.value.slug == slug


def test_a_folder_without_maps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        list(Movingai(f"movingai:{tmp_path}").frames())
    assert caught.value.slug == "no_maps"
