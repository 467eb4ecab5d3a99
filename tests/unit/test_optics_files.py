"""Prescriptions from files: ours, Zemax's, DeepLens's; and what is said about files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lichtbild.core.errors import MetadataError, UnreadableFile
from lichtbild.optics.lens_file import as_json, from_json, read_lens, write_lens
from lichtbild.optics.material import Material
from lichtbild.optics.prescription import Prescription, Surface, paraxial, perturbed

LENSES = Path(__file__).parent.parent / "golden" / "lenses"

SINGLET_ZMX = """VERS 190513
MODE SEQ
UNIT {unit} X W X CM MR CPMM
ENPD 8
WAVM 1 0.5876 1
SURF 0
  TYPE STANDARD
  CURV 0.0
  DISZ INFINITY
SURF 1
  STOP
  TYPE {kind}
  CURV 0.02 0 0 0 0 ""
  CONI -1.0
  PARM 2 1e-6
  PARM 3 1e-9
  DISZ 4.0
  GLAS N-FOO 0 0 1.5168 64.17
  DIAM 5.0 1 0 0 1 ""
SURF 2
  TYPE STANDARD
  CURV -0.01
  DISZ 60
  DIAM 5.0 0 0 0 1 ""
SURF 3
  TYPE STANDARD
  CURV 0.0
  DISZ 0
  DIAM 3.0 0 0 0 1 ""
"""


def text_file(folder, name, text, encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


numbers = st.floats(-2, 2, allow_nan=False)


@given(
    curvature=numbers, conic=numbers, even=st.lists(numbers, max_size=10), odd=st.lists(numbers, max_size=10),
    thickness=numbers, decentre=st.tuples(numbers, numbers), nd=st.floats(1.3, 2.2), vd=st.floats(15, 95),
)  # fmt: skip
def test_our_own_file_keeps_every_number(curvature, conic, even, odd, thickness, decentre, nd, vd):
    glass = Surface(curvature, thickness, Material(nd=nd, vd=vd), 2.5, conic, tuple(even), tuple(odd), decentre)
    lens = Prescription("a lens", (glass, Surface(semi_diameter_mm=1.0)), 1, 3.0, "made up")
    again = from_json(json.loads(json.dumps(as_json(lens))))
    surface = again.surfaces[0]
    assert (surface.curvature, surface.conic, surface.thickness_mm) == (curvature, conic, thickness)
    assert surface.material == glass.material
    r = np.linspace(0, 0.4, 5)
    np.testing.assert_array_equal(surface.sag_mm(r), glass.sag_mm(r))
    assert surface.decentre_mm == decentre
    assert (again.stop, again.image_radius_mm, again.name, again.source) == (1, 3.0, "a lens", "made up")


def test_written_whole(tmp_path):
    lens = read_lens(LENSES / "triplet.json")
    write_lens(lens, tmp_path / "t.json")
    assert read_lens(tmp_path / "t.json") == lens
    assert [p.name for p in tmp_path.iterdir()] == ["t.json"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "latin-1"])
def test_zemax(tmp_path, encoding):
    lens = read_lens(text_file(tmp_path, "s.zmx", SINGLET_ZMX.format(unit="MM", kind="EVENASPH"), encoding))
    first = lens.surfaces[0]
    assert (first.curvature, first.conic, first.even) == (0.02, -1.0, (0.0, 1e-6, 1e-9))
    assert (first.material.nd, first.material.vd) == (1.5168, 64.17)
    assert lens.stop == 0
    assert lens.image_radius_mm == 3.0
    # ENPD says how far the lens is open, whatever radius is drawn.
    assert first.semi_diameter_mm == pytest.approx(4.0)
    # Thick lens formula.
    n, d, c1, c2 = 1.5168, 4.0, 0.02, -0.01
    power = (n - 1) * (c1 - c2) + (n - 1) ** 2 * d * c1 * c2 / n
    assert paraxial(lens, 587.5618).focal_length_mm == pytest.approx(1 / power, rel=1e-9)


def test_zemax_units_and_odd_powers(tmp_path):
    mm = read_lens(text_file(tmp_path, "m.zmx", SINGLET_ZMX.format(unit="MM", kind="ODDASPHE")))
    cm = read_lens(text_file(tmp_path, "c.zmx", SINGLET_ZMX.format(unit="CM", kind="ODDASPHE")))
    assert mm.surfaces[0].even == (1e-6,)
    assert mm.surfaces[0].odd == (1e-9,)
    r = np.linspace(0, 4, 9)
    np.testing.assert_allclose(cm.surfaces[0].sag_mm(10 * r), 10 * mm.surfaces[0].sag_mm(r), rtol=1e-12)
    assert paraxial(cm, 587.5618).focal_length_mm == pytest.approx(10 * paraxial(mm, 587.5618).focal_length_mm)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("EVENASPH", "TOROIDAL"), "TOROIDAL"),
        (("N-FOO 0 0 1.5168 64.17", "N-FOO"), "no numbers"),
        (("GLAS N-FOO 0 0 1.5168 64.17", "GLAS MIRROR"), "mirrors"),
        (("  STOP\n", ""), "stop"),
        (("CURV 0.02 0", "CURV x 0"), "line 13"),
        (("DISZ 60", "DISZ INFINITY"), "infinite"),
        (("MODE SEQ", "MODE NSC"), "sequential"),
    ],
)
def test_zemax_faults_are_named(tmp_path, change, message):
    text = SINGLET_ZMX.format(unit="MM", kind="EVENASPH")
    assert change[0] in text
    path = text_file(tmp_path, "bad.zmx", text.replace(*change))
    with pytest.raises((MetadataError, UnreadableFile), match=message) as caught:
        read_lens(path)
    assert "bad.zmx" in str(caught.value)


def test_glass_said_by_the_caller(tmp_path):
    path = text_file(tmp_path, "g.zmx", SINGLET_ZMX.format(unit="MM", kind="EVENASPH"))
    lens = read_lens(path, {"n-foo": Material(constant=1.7)})
    assert lens.surfaces[0].material.index(500) == 1.7


def deeplens(**changes):
    first = {
        "type": "Aspheric",
        "r": 1.2,
        "c": 0.3,
        "k": -1.0,
        "ai2": 0.01,
        "ai4": -0.002,
        "mat2": "pmma",
        "d_next": 1.0,
    }
    first.update(changes)
    stop = {"type": "Stop", "r": 1.0, "mat2": "air", "d_next": 0.1}
    last = {"type": "Spheric", "r": 1.2, "roc": -5.0, "mat2": "air", "d_next": 6.0}
    return {"r_sensor": 2.0, "surfaces": [stop, first, last]}


def test_deeplens(tmp_path):
    lens = read_lens(text_file(tmp_path, "d.json", json.dumps(deeplens())))
    assert lens.stop == 0
    assert lens.surfaces[1].even == (0.01, -0.002)
    assert lens.surfaces[1].material.nd == pytest.approx(1.4918, abs=1e-4)
    assert lens.surfaces[2].curvature == -0.2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mat2": "unobtainium"}, "unobtainium"),
        ({"type": "Cubic"}, "Cubic"),
        ({"d_next": None}, "number"),
        ({"r": -1}, "free radius"),
    ],
)
def test_deeplens_faults_are_named(tmp_path, change, message):
    with pytest.raises(MetadataError, match=message):
        read_lens(text_file(tmp_path, "d.json", json.dumps(deeplens(**change))))


@pytest.mark.parametrize("text", ["", "{", "[1]", "{}", "hello", '{"format": "lichtbild lens 9"}', "[" * 100000])
def test_what_is_no_lens(tmp_path, text):
    with pytest.raises(UnreadableFile):
        read_lens(text_file(tmp_path, "x.json", text))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stop": 99}, "stop"),
        ({"surfaces": []}, "surfaces"),
        ({"image_radius_mm": 0}, "size"),
        ({"image_radius_mm": "wide"}, "number"),
        ({"surfaces": [{"curvature": 1, "radius_mm": 2, "thickness_mm": 1}]}, "both"),
        ({"surfaces": [{"thickness_mm": 1, "shape": 3}]}, "shape"),
        ({"surfaces": [{"thickness_mm": 1, "material": "BK7"}]}, "material"),
        ({"surfaces": [{"thickness_mm": float("nan")}]}, "finite"),
        ({"surfaces": [{"thickness_mm": 1, "material": {"nd": 1.5, "vd": 0}}]}, "Abbe"),
        ({"surfaces": [{"thickness_mm": 1, "even": [0] * 11}]}, "at most 10"),
    ],
)
def test_impossible_numbers_are_named(change, message):
    data = json.loads((LENSES / "triplet.json").read_text()) | change
    if change.get("surfaces"):
        data["stop"] = 0
    with pytest.raises(MetadataError, match=message):
        from_json(data)


def test_missing_file(tmp_path):
    with pytest.raises(UnreadableFile, match="opened"):
        read_lens(tmp_path / "none.json")


def test_shared_lenses_are_read(shared_data):
    folder = shared_data("lens_prescriptions")
    # Focal lengths as the files themselves state them, for what is sold under a round number.
    stated = {"ef50mm_f1.8.json": 51.4, "ef35mm_f2.0.json": 35.5, "ef35mm_f2.0.zmx": 35.5, "cooke.json": 49.9,
              "zemax_double_gaussian.zmx": 99.5}  # fmt: skip
    for name, focal in stated.items():
        assert paraxial(read_lens(folder / name), 587.5618).focal_length_mm == pytest.approx(focal, rel=0.01)
    # The same lens in two formats.
    one, two = (paraxial(read_lens(folder / f"ef35mm_f2.0.{e}"), 587.5618) for e in ("json", "zmx"))
    assert one.focal_length_mm == pytest.approx(two.focal_length_mm, rel=1e-6)


def test_index_formulas():
    # BK7 by Schott's Sellmeier coefficients; nd and Vd of the same glass.
    glass = Material(sellmeier=(1.03961212, 0.00600069867, 0.231792344, 0.0200179144, 1.01046945, 103.560653))
    assert glass.index(587.5618) == pytest.approx(1.51680, abs=1e-5)
    simple = Material(nd=1.51680, vd=64.17)
    assert simple.index(587.5618) == pytest.approx(1.51680)
    abbe = (simple.index(587.5618) - 1) / (simple.index(486.1327) - simple.index(656.2725))
    assert abbe == pytest.approx(64.17)
    waves = np.linspace(450, 700, 11)
    assert max(abs(glass.index(w) - simple.index(w)) for w in waves) < 5e-4
    table = Material(table=tuple((float(w), glass.index(float(w))) for w in np.linspace(400, 750, 36)))
    assert table.index(533.0) == pytest.approx(glass.index(533.0), abs=1e-5)
    with pytest.raises(MetadataError, match="outside the table"):
        table.index(300.0)
    with pytest.raises(MetadataError, match="no light"):
        glass.index(0.55)


def test_a_lens_as_made():
    lens = read_lens(LENSES / "doublet.json")
    rng = np.random.default_rng(1)
    errors = np.array([
        [s.decentre_mm[0], s.thickness_mm - t.thickness_mm]
        for _ in range(200) for s, t in zip(perturbed(lens, rng, 0.005).surfaces, lens.surfaces, strict=True)
    ])  # fmt: skip
    assert errors.std(0) == pytest.approx([0.005, 0.005], rel=0.15)
