"""One trial: a camera is put together, takes a burst of edges and one of a grey wall, both are merged and measured.

Figures are of the whole picture that the camera would give, so that cameras of different pixels compare: sharpness in
cycles a picture height, acutance and visual noise of the picture 40 cm high seen from 1 m. Only a few hundred px are
simulated: they are the middle of the sensor, where the lens is what its f-number and its aberration say.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import Frame
from lichtbild.core.colour_space import srgb_encode
from lichtbild.core.errors import LichtbildError, UsageError
from lichtbild.lab.figure import Figure
from lichtbild.lab.score import score_sheet
from lichtbild.lab.sfr import EdgeSettings, measure_edge
from lichtbild.lab.visual_noise import Viewing, visual_noise
from lichtbild.runners.study import Trial
from lichtbild.simulate.bodies import Module, load_body
from lichtbild.simulate.burst import Simulation
from lichtbild.simulate.lens import Lens
from lichtbild.simulate.phone import VirtualCamera
from lichtbild.simulate.shot import PROGRAMMES, Shot, longest_s, metered, shoot

Floats = npt.NDArray[np.float64]

WAVELENGTH_UM = 0.53
# A Gaussian of this standard deviation, in units of wavelength times f-number, has the MTF50 of the Airy pattern:
# 0.404 / (lambda N) = sqrt(ln 2 / 2) / (pi sigma).
AIRY_SIGMA = 0.464
GREY, HIGH = 0.18, 0.8


@dataclasses.dataclass(frozen=True)
class Setup:
    """A camera as a trial asks for it: module, camera, ISO, shape of what is simulated, rows of the whole picture."""

    module: Module
    camera: VirtualCamera
    iso: float
    shape: tuple[int, int]
    picture_rows: float


def run_trial(trial: Trial, seed: int = 1) -> list[Figure]:
    """Figures of a trial; an edge that cannot be measured is a figure without value. Cost: 1 to 10 s of processor.

    Raises
    ------
    UsageError
        If a camera, module, motion or parameter is unknown or out of bounds.
    """
    setup = set_up(trial)
    figures, scale = _sharpness(trial, setup, seed)
    figures += _noise(trial, setup, seed, scale)
    n = int(trial.get("shot.frames"))
    figures += [
        Figure.exact("cost.frames", n, "", "frames taken"),
        Figure.exact("cost.exposure_s", n * setup.camera.time_s, "s", "exposure times of all frames"),
    ]
    return [*figures, *score_sheet(trial.name, figures).figures[:1]]


def set_up(trial: Trial) -> Setup:
    """The camera of a trial."""
    body = load_body(str(trial.get("camera.body")))
    module = _changed(body.module(trial.get("camera.module") or None), trial)
    block = 2 * module.quad
    side = int(trial.get("shot.crop_px")) // block * block
    if not 192 <= side <= min(module.shape):
        raise UsageError(f"{side} px", where="shot.crop_px", hint=f"192 to {min(module.shape)}")
    shape = (side, side)
    # A lens by figures: the body's own glass is not at this f-number or focal length.
    table = {"blur_px": 0.4, "radial": ((0.0, 0.0, 0.0),) * 3, "corner_gain": (1.0, 1.0, 1.0)}
    camera = dataclasses.replace(module, lens=table).camera(body, shape)
    camera = dataclasses.replace(camera, lens=Lens(blur_px(module, trial)))
    programme = PROGRAMMES[str(trial.get("shot.programme"))]
    longest = longest_s(module, str(trial.get("shot.motion")), programme)
    iso, time_s, white_at = metered(module, float(trial.get("shot.lux")), None, longest)
    camera = dataclasses.replace(camera, time_s=time_s, white_at=white_at)
    return Setup(module, camera, iso, shape, module.rows / float(trial.get("camera.zoom")))


def _changed(module: Module, trial: Trial) -> Module:
    """The module with what the trial changes: wells hold what their area holds, the sensor keeps its size."""
    changes: dict[str, Any] = {}
    if trial.get("camera.f_number"):
        changes["f_number"] = float(trial.get("camera.f_number"))
    if trial.get("camera.focal_mm"):
        changes["focal_mm"] = float(trial.get("camera.focal_mm"))
    if not trial.get("camera.stabiliser"):
        changes["stabiliser"] = {}
    pixel = float(trial.get("camera.pixel_um")) or module.pixel_um
    if not 0.3 <= pixel <= 20:
        raise UsageError(f"pixels of {pixel:g} um", where="camera.pixel_um", hint="0.3 to 20")
    ratio = pixel / module.pixel_um
    changes |= {"columns": round(module.columns / ratio), "rows": round(module.rows / ratio)}
    scale = float(trial.get("camera.sensor_scale"))
    if not 0.1 <= scale <= 20:
        raise UsageError(f"a sensor {scale:g} times as large", where="camera.sensor_scale", hint="0.1 to 20")
    changes["pixel_um"] = pixel * scale
    changes["focal_mm"] = changes.get("focal_mm", module.focal_mm) * scale
    changes["full_well_e"] = module.full_well_e * (ratio * scale) ** 2
    return dataclasses.replace(module, **changes)


def blur_px(module: Module, trial: Trial) -> float:
    """Standard deviation of the lens's blur, px: diffraction, and aberration that grows with the cube of the opening
    (third-order spherical: transverse aberration) from `camera.aberration_um` at f/2.2 and 4 mm of focal length."""
    diffraction = AIRY_SIGMA * WAVELENGTH_UM * module.f_number
    aberration = float(trial.get("camera.aberration_um")) * (2.2 / module.f_number) ** 3 * module.focal_mm / 4.0
    return float(np.hypot(diffraction, aberration)) / module.pixel_um


def _simulated(trial: Trial, setup: Setup, scene: str, seed: int) -> Simulation:
    shot = Shot(size=setup.shape, frames=int(trial.get("shot.frames")), iso=setup.iso, seed=seed,
                lux=float(trial.get("shot.lux")), motion=str(trial.get("shot.motion")),
                programme=str(trial.get("shot.programme")))  # fmt: skip
    return shoot(scene, shot, setup.camera)


def _merged(trial: Trial, simulation: Simulation) -> Frame:
    from lichtbild import api

    recipe = trial.recipe
    if (recipe.get("reconstruct") or {}).get("scale", 1) != 1 or (recipe.get("reconstruct") or {}).get("joint"):
        recipe.setdefault("reconstruct", {})["joint"] = True
    return api.merge(simulation.burst(), "linear", recipe)


def _sharpness(trial: Trial, setup: Setup, seed: int) -> tuple[list[Figure], float]:
    """MTF50 and acutance over the four sides of the middle square, and px of the result a px of the mosaic."""
    from lichtbild.lab.acutance import Viewing as EdgeViewing

    simulation = _simulated(trial, setup, f"edges:high={HIGH}", seed)
    green = _merged(trial, simulation).pixels[..., 1]
    scale = green.shape[0] / setup.shape[0]
    rows = setup.picture_rows * scale
    viewing = EdgeViewing.print(round(rows), 400.0, 1000.0, None)
    found: dict[str, list[float]] = {"mtf50": [], "acutance": []}
    reasons = []
    for edge in simulation.scene_truth["edges"]:
        region = _edge_region(green, edge, scale)
        sfr = measure_edge(region, EdgeSettings(viewings=(viewing,)))
        if not sfr.is_measured:
            reasons.append(sfr.finding)
            continue
        for name, ending in (("mtf50", "mtf50"), ("acutance", f"acutance.{viewing.name}")):
            value = sfr.figure(ending).value
            if value is not None:
                found[name].append(value)
    clause = "ISO 12233:2023, 6; cycles a picture height"
    about = (("mtf50", rows, "cy/ph", clause), ("acutance", 1.0, "", "IEEE 1858-2016, after Baxter et al. 2012"))
    return [
        _mean(f"sharpness.{name}", found[name], factor, unit, of, reasons) for name, factor, unit, of in about
    ], scale


def _edge_region(green: npt.NDArray[Any], edge: dict[str, Any], scale: float) -> Floats:
    """The middle 70 % of an edge and a quarter of its length to either side."""
    x0, y0, x1, y1 = (float(edge[k]) * scale for k in ("x0", "y0", "x1", "y1"))
    length = float(np.hypot(x1 - x0, y1 - y0))
    along, across = 0.35 * length, 0.25 * length
    is_upright = abs(y1 - y0) > abs(x1 - x0)
    half_x, half_y = (across, along) if is_upright else (along, across)
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    top, left = max(0, int(cy - half_y)), max(0, int(cx - half_x))
    return green[top : int(cy + half_y), left : int(cx + half_x)].astype(np.float64)


def _mean(name: str, values: list[float], factor: float, unit: str, clause: str, reasons: list[str]) -> Figure:
    if not values:
        return Figure.missing(name, unit, clause, reasons[0] if reasons else "no edge could be measured")
    spread = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
    return Figure.within(name, factor * float(np.mean(values)), factor * spread, unit, clause, f"{len(values)} edges")


def _noise(trial: Trial, setup: Setup, seed: int, scale: float) -> list[Figure]:
    """Of a grey wall."""
    simulation = _simulated(trial, setup, f"flat:level={GREY}", seed + 1000)
    merged = _merged(trial, simulation)
    margin = 24
    pixels = merged.pixels[margin:-margin, margin:-margin].astype(np.float64)
    # Grey is grey, and as bright as the scene's, however dark the exposure was.
    grey = pixels * (GREY / pixels.mean((0, 1)))
    green = grey[..., 1]
    snr = float(green.mean() / green.std())
    viewing = Viewing.picture_height(max(1, round(setup.picture_rows * scale)))
    seen = visual_noise(srgb_encode(np.clip(grey, 0, 1)), viewing)[0]
    return [
        Figure("noise.visual", seen.value, seen.unit, seen.low, seen.high, seen.clause, seen.note),
        Figure("visual_noise.iso.print", seen.value, seen.unit, seen.low, seen.high, seen.clause, seen.note),
        Figure.within("noise.snr", snr, snr / np.sqrt(2 * green.size), "", "ISO 15739:2023, 6.3", "18 % grey, green"),
    ]


def tried(trial: Trial, seed: int) -> dict[str, Any]:
    """A trial as a line of results: its figures, or why there are none."""
    line: dict[str, Any] = {"key": trial.key, "name": trial.name, "seed": seed, "values": dict(trial.values)}
    try:
        return {**line, "figures": [figure.to_json() for figure in run_trial(trial, seed)]}
    except LichtbildError as error:
        return {**line, "error": str(error), "figures": []}
