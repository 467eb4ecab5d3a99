"""Looks and tables as files: what is read, what is refused, in which words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lichtbild import looks
from lichtbild.core import RecipeError, UnreadableFile
from lichtbild.looks import cube_file, display, write
from lichtbild.stages.look.cube import Cube, applied, look_up
from lichtbild.stages.look.grain import dither_tile


@pytest.mark.parametrize("name", looks.names())
def test_a_look_survives_its_own_text(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.toml"
    path.write_text(write.toml_text(looks.load(name)))
    again = looks.read_look(path)
    codes = np.random.default_rng(2).random((20, 3)).astype(np.float32)
    np.testing.assert_allclose(
        display.shown(again, codes[None]), display.shown(looks.load(name), codes[None]), atol=2e-3
    )
    assert again.grain == looks.load(name).grain


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tone]\nslope = 9", ["tone.slope", "9.0 is out of bounds", "0.6 to 3.0"]),
        ("[tone]\nslopes = 1", ["no 'slopes'", "slope, toe_ev"]),
        ("[tones]\n", ["no section 'tones'", "tone, colour"]),
        ("[monochrome]\nfilter = 'violet'", ["'violet' is not a choice", "yellow, orange"]),
        ("[[hues]]\nturn_deg = 90", ["hues[0].turn_deg", "-40.0 to 40.0"]),
        ("skin = -1", ["skin", "0 to 100"]),
        ("[tone]\nslope = 'steep'", ["not a number"]),
    ],
)
def test_wrong_looks_say_what_is_wrong(text: str, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        looks.load(str(path))
    for word in words:
        assert word in str(caught.value)


def test_unknown_looks_get_the_nearest_names(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"'kontr'.*kontor"):
        looks.load("kontr")
    with pytest.raises(RecipeError, match="natural, amber"):
        looks.load("zzz")
    with pytest.raises(UnreadableFile, match="No such file"):
        looks.load(str(tmp_path / "none.toml"))
    (tmp_path / "no.toml").write_text("this is = no toml = at all")
    with pytest.raises(UnreadableFile, match="no TOML"):
        looks.load(str(tmp_path / "no.toml"))


def test_a_cube_goes_through_its_file(tmp_path: Path) -> None:
    table = display.table(looks.load("fjord"), 9)
    path = tmp_path / "fjord.cube"
    path.write_text(cube_file.cube_text(table, "fjord"))
    np.testing.assert_allclose(cube_file.read_table(path).table, table, atol=1e-6)
    first = [line for line in path.read_text().splitlines() if line[0].isdigit()][1]
    np.testing.assert_allclose([float(v) for v in first.split()], table[1, 0, 0], atol=1e-6)  # red runs fastest


def test_cubes_with_shaper_domain_and_curve_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.cube"
    ends = "0 0 0\n1 0 0\n0 1 0\n1 1 0\n0 0 1\n1 0 1\n0 1 1\n1 1 1\n"
    path.write_text(f"LUT_1D_SIZE 3\nLUT_1D_INPUT_RANGE 0 2\nLUT_3D_SIZE 2\n0 0 0\n0.25 0.25 0.25\n1 1 1\n{ends}")
    np.testing.assert_allclose(look_up(cube_file.read_cube(path), [1.0, 2.0, 0.0]), [0.25, 1.0, 0.0], atol=1e-6)
    path.write_text(f"# a comment\nDOMAIN_MIN -1 -1 -1\nDOMAIN_MAX 1 1 1\nLUT_3D_SIZE 2\n{ends}")
    np.testing.assert_allclose(look_up(cube_file.read_cube(path), [0.0, -1.0, 1.0]), [0.5, 0.0, 1.0], atol=1e-6)
    path.write_text("LUT_1D_SIZE 2\n0 0 0\n1 0.5 0.25\n")
    np.testing.assert_allclose(look_up(cube_file.read_cube(path), [0.5, 0.5, 0.5]), [0.5, 0.25, 0.125], atol=1e-6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "neither LUT_3D_SIZE"),
        ("LUT_3D_SIZE 2\n0 0 0\n", "1 rows, 8 expected"),
        ("LUT_3D_SIZE 1000\n", "LUT_3D_SIZE"),
        ("LUT_3D_SIZE 2.5\n", "LUT_3D_SIZE"),
        ("LUT_3D_SIZE two\n", "line 1"),
        ("LUT_3D_SIZE 2\n0 0\n", "line 2 holds 2 numbers"),
        ("LUT_3D_SIZE 2\n0 nan 0\n", "not finite"),
        ("LUT_3D_SIZE 2\nDOMAIN_MIN 1 1 1\n" + "0 0 0\n" * 8, "DOMAIN_MIN"),
    ],
)
def test_damaged_cubes_are_refused(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.cube"
    path.write_text(text)
    with pytest.raises(UnreadableFile, match=words):
        cube_file.read_table(path)


def test_hald_pictures(tmp_path: Path) -> None:
    from PIL import Image

    n = 4
    axis = np.round(np.linspace(0, 255, n)).astype(np.uint8)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    Image.fromarray(np.stack([red, green, blue], -1).reshape(8, 8, 3)).save(tmp_path / "hald.png")
    cube = cube_file.read_table(tmp_path / "hald.png")
    codes = np.random.default_rng(1).random((50, 3)).astype(np.float32)
    np.testing.assert_allclose(look_up(cube, codes), codes, atol=2e-3)
    Image.fromarray(np.zeros((10, 10, 3), np.uint8)).save(tmp_path / "no.png")
    with pytest.raises(UnreadableFile, match="no Hald CLUT"):
        cube_file.read_table(tmp_path / "no.png")


def test_a_look_with_a_table_uses_it(tmp_path: Path) -> None:
    table = np.zeros((2, 2, 2, 3), np.float32)
    table[1, ..., 0] = 1  # keeps red alone
    (tmp_path / "red.cube").write_text(cube_file.cube_text(table, "red"))
    (tmp_path / "red.toml").write_text('[lut]\nfile = "red.cube"\nstrength = 0.5\n')
    out = display.shown(looks.load(str(tmp_path / "red.toml")), np.array([[[0.5, 0.6, 0.7]]]))
    np.testing.assert_allclose(out[0, 0], [0.5, 0.3, 0.35], atol=2e-3)
    over = applied(Cube(table), np.array([[4.0, 1.0, 0.0]], np.float32), 1.0, "srgb")
    np.testing.assert_allclose(over, [[4.0, 0.0, 0.0]], atol=1e-5)


def test_dither_holds_every_threshold_once_and_no_low_frequencies() -> None:
    tile = dither_tile()
    assert len(np.unique(tile)) == tile.size
    assert 0 < tile.min() < tile.max() < 1
    power = np.abs(np.fft.fft2(tile - tile.mean())) ** 2
    f = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64)[None, :])
    assert power[(f > 0) & (f < 0.1)].mean() < 0.05 * power[f > 0.3].mean()
