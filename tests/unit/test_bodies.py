"""Camera bodies from data: the study's table, sources of every figure, cameras that take pictures."""

import dataclasses

import numpy as np
import pytest

from lichtbild.core import MetadataError, UsageError
from lichtbild.core.spectra import illuminant
from lichtbild.sensor.response import Response
from lichtbild.simulate import Simulation, body_names, load_body, make_scene
from lichtbild.simulate.bodies import Body, Module, mtf50_ceiling, parse_body

# Nyquist lp/mm, Airy um, ideal MTF50 cy/px, mdeg/px, px of blur in 1/15 s, electrons: `optics.md`, section 4.
STUDY = {
    ("p9", "colour"): (400, 2.85, 0.337, 18.5, 1.2, 132),
    ("p9", "mono"): (400, 2.85, 0.337, 18.5, 1.2, 288),
    ("lumia1020", "full"): (446, 2.85, 0.314, 10.3, 2.1, 106),
    ("lumia1020", "5mp"): (162, 2.85, 0.488, 28.3, 0.8, 807),
    ("zenfone-zoom", "28mm"): (446, 3.5, 0.272, 17, 1.3, 70),
    ("zenfone-zoom", "84mm"): (446, 6.2, 0.169, 5.7, 3.9, 22),
    ("galaxy-camera", "23mm"): (373, 3.6, 0.301, 18.7, 1.2, 94),
    ("galaxy-camera", "481mm"): (373, 7.6, 0.165, 0.89, 24.6, 21),
    ("quad-48", "main"): (625, 2.33, 0.286, 9.5, 2.3, 81),
    ("quad-48", "binned"): (312, 2.33, 0.422, 19, 1.2, 323),
}


@pytest.mark.parametrize(("twin", "wanted"), STUDY.items(), ids=lambda v: "-".join(v) if isinstance(v[0], str) else "")
def test_twins_reproduce_the_table_of_the_study(twin, wanted):
    row = load_body(twin[0]).module(twin[1]).table_row()
    for (name, value), published in zip(row.items(), wanted, strict=True):
        # The blur is given to one decimal there.
        assert value == pytest.approx(published, rel=0.03, abs=0.05 if name.startswith("blur") else 0), name


def test_light_makes_the_electrons_of_first_principles():
    assert Response.flat(1.0, (400, 700)).electrons_um2_lux_s(illuminant("D65")) == pytest.approx(11_000, rel=0.01)
    # A green light of 555 nm alone: 1 lux second is 1/683 J a square metre, of photons of h c / wavelength.
    alone = np.zeros(81)
    alone[35] = 1.0
    photons = 1 / 683.0 / (6.62607015e-34 * 299792458 / 555e-9) * 1e-12
    assert Response.flat(0.5, (400, 700)).electrons_um2_lux_s(alone)[1] == pytest.approx(0.5 * photons, rel=1e-4)


def test_a_perfect_lens_over_pixels():
    # Without diffraction sinc(f) = 1/2 at f = 0.6034; with the whole lens in one pixel the lens alone limits.
    assert mtf50_ceiling(0.01, 0.01) == pytest.approx(0.6034, abs=1e-3)
    cutoff = 0.001 / (530e-6 * 16.0)
    assert mtf50_ceiling(16.0, 0.001) == pytest.approx(0.404 * cutoff, rel=0.01)


@pytest.mark.parametrize("name", body_names())
def test_every_body_has_a_camera_that_takes_pictures(name):
    body = load_body(name)
    module = body.modules[0]
    if isinstance(module.lens, str):
        # The glass is traced once, below; here the same sensor behind a plain lens.
        module = dataclasses.replace(module, lens={"blur_px": 0.5, "radial": [[0.0] * 3] * 3, "corner_gain": [1.0] * 3})
    camera = module.camera(body, (64, 96))
    simulation = Simulation(make_scene("colorchecker", (64, 96)), camera, n_frames=1, iso=200)
    info = simulation.info(0)
    assert simulation.stored(0).max() <= module.sensor().white
    assert info.camera.model == body.model
    # 35 mm equivalent of the crop: pixels keep their angle.
    assert camera.focal_px((64, 96)) == pytest.approx(module.focal_mm / module.pixel_um * 1e3)


def test_calibrated_colours_are_those_of_the_filters():
    module = load_body("p9").module()
    response, calibration = module.response(), module.response().calibration()
    for name, matrix in zip(("A", "D65"), calibration.xyz_to_camera, strict=True):
        from lichtbild.core.spectra import xyz_of

        light = illuminant(name)
        np.testing.assert_allclose(matrix @ xyz_of(light), response.neutral(light), atol=1e-9)


GOOD = """
[camera]
make = "a"
models = ["b"]
source = "c"
[body]
name = "d"
kind = "e"
frames_s = 5
[[module]]
name = "m"
columns = 100
rows = 80
pixel_um = 1.0
focal_mm = 4.0
f_number = 2.0
full_well_e = 5000
[module.source]
columns = "s"
rows = "s"
pixel_um = "s"
focal_mm = "s"
f_number = "s"
full_well_e = "s"
"""


def test_files_of_bodies_are_held_to_their_sources():
    body = parse_body(GOOD, "good.toml")
    assert isinstance(body, Body)
    assert isinstance(body.modules[0], Module)
    for change, match in (
        ('focal_mm = "s"\n', "focal_mm of the module m has no source"),
        ("f_number = 2.0\n", "f_number"),
        ('name = "m"\n', "name"),
    ):
        with pytest.raises(MetadataError, match=match):
            parse_body(GOOD.replace(change, ""), "bad.toml")
    with pytest.raises(MetadataError, match="pixel_um"):
        parse_body(GOOD.replace("pixel_um = 1.0", "pixel_mu = 1.0"), "bad.toml")
    with pytest.raises(MetadataError, match="above 0"):
        parse_body(GOOD.replace("pixel_um = 1.0", "pixel_um = -1.0"), "bad.toml")
    with pytest.raises(MetadataError, match="no camera body"):
        parse_body("[[", "bad.toml")


def test_unknown_cameras_and_modules_are_named():
    with pytest.raises(UsageError, match="lumia1020"):
        load_body("lumia")
    with pytest.raises(UsageError, match="mono"):
        load_body("p9").module("mno")
    with pytest.raises(UsageError, match="3968 x 2976"):
        load_body("p9").module().camera(load_body("p9"), (3000, 4000))
