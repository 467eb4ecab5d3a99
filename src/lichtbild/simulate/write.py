"""A simulated burst in files: DNGs as a phone writes them, logs of its gyroscope, and what no camera knows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, Frame, OutputError, Progress, ProgressEvent, silent
from lichtbild.simulate.burst import START_S, Simulation, file_name
from lichtbild.simulate.finer import finer_light
from lichtbild.simulate.gyro_log import write_gyro
from lichtbild.simulate.oversample import oversampled_frame
from lichtbild.simulate.views import ShakenViews

SOFTWARE = "lichtbild simulate"
TRUTH_FOLDER = "truth"
_MARK = "truth.json"


def write_burst(
    directory: str | Path,
    simulation: Simulation,
    *,
    compress: bool = False,
    force: bool = False,
    suffix: str = "",
    progress: Progress = silent,
) -> tuple[Path, ...]:
    """Write every frame as a DNG, named as phones name bursts, and the gyroscope's log where there is a shake.

    Parameters
    ----------
    suffix
        Put behind the names, before ".dng": the lens of a pair.

    Returns
    -------
    tuple of Path
        The DNGs in order.

    Notes
    -----
    The truth is `write_truth`. Cost: about 0.3 s of processor a frame of 12 MP, and that of `Simulation.stored`.
    """
    from lichtbild.output import write_dng

    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for k in range(simulation.n_frames):
        name = file_name(k).replace(".dng", f"{suffix}.dng")
        path = directory / name
        if simulation.camera.oversampling > 1:
            frame = oversampled_frame(simulation, k, name)
        else:
            info = simulation.info(k, name)
            frame = Frame(simulation.stored(k), Domain.MOSAIC, info, info.noise)
        write_dng(path, frame, compress=compress, force=force, software=SOFTWARE)
        paths.append(path)
        progress(ProgressEvent("simulate", k + 1, simulation.n_frames, name))
    if isinstance(simulation.views, ShakenViews):
        name = file_name(0).rpartition("_")[0] + suffix
        rng = np.random.default_rng([simulation.seed, 3])
        write_gyro(directory, name, simulation.views, simulation.camera.gyro, rng, START_S)
    return tuple(paths)


def write_truth(
    directory: str | Path, simulation: Simulation, *, force: bool = False, suffix: str = "", progress: Progress = silent
) -> Path:
    """Write `truth/` into the folder of a burst; it appears whole or not at all.

    `truth.json` tells what each file holds: the mosaic of frame 0 without noise (`mosaic.npy`), all colours at every
    pixel (`rgb.npy`) and at twice the sampling (`rgb_2x.npy`), the way of every row (`motion.npz`), masks of what moves
    (`masks.npz`), distances (`depth_m.npy`), point-spread functions (`psf.npz`), exposure and noise of every frame.

    Raises
    ------
    OutputError
        If there is a truth already and not `force`, or it cannot be written.

    Notes
    -----
    Seven pictures of three colours are drawn: about as long as seven frames each. 24 bytes a px at 2x, 16 at 1x.
    """
    folder = check_truth(directory, suffix=suffix, force=force)
    with _whole_folder(folder) as aside:
        truth = simulation.truth()
        progress(ProgressEvent("truth", 1, 3, "light"))
        np.save(aside / "mosaic.npy", truth.mosaic)
        np.save(aside / "rgb.npy", truth.rgb)
        np.save(aside / "depth_m.npy", simulation.depth_m(0))
        np.savez_compressed(aside / "masks.npz", **truth.masks)
        motion: dict[str, Any] = {"affines": truth.affines}
        if truth.rows is not None:
            motion["rows"] = truth.rows
        np.savez_compressed(aside / "motion.npz", **motion)
        np.savez_compressed(aside / "psf.npz", **_psf(simulation))
        progress(ProgressEvent("truth", 2, 3, "finer light"))
        np.save(aside / "rgb_2x.npy", finer_light(simulation).astype(np.float16))
        (aside / _MARK).write_text(json.dumps(told(simulation), indent=1), encoding="utf-8")
        progress(ProgressEvent("truth", 3, 3, folder.name))
    return folder


def told(simulation: Simulation) -> dict[str, Any]:
    """What `truth.json` holds, as plain data."""
    camera = simulation.camera
    frames = []
    for k in range(simulation.n_frames):
        info = simulation.info(k)
        exposure = info.exposure
        frames.append({
            "file": info.name, "time_s": exposure.time_s, "iso": exposure.iso, "ev": simulation.exposure_ev[k],
            "captured_s": exposure.captured_s, "noise_alpha": list(info.noise.alpha),
            "noise_beta": list(info.noise.beta),
        })  # fmt: skip
    sensor = camera.sensor
    iso = simulation.iso
    return {
        "scene": {"name": simulation.name, "truth": dict(simulation.scene_truth)},
        "colour": simulation.colour_path,
        "layers": simulation.layers_told(),
        "camera": {
            "make": camera.make, "model": camera.model, "lens": camera.lens_name, "f_number": camera.f_number,
            "focal_length_mm": camera.focal_length_mm, "focal_px": camera.focal_px(simulation.shape),
            "readout_s": camera.readout_s, "interval_s": camera.interval_s, "focus_m": camera.focus_m,
            "white_at": camera.white_at, "as_shot_neutral": list(camera.neutral()), "light_xy": list(camera.light_xy),
        },
        "sensor": {
            "black": sensor.black, "white": sensor.white, "electrons_at_white": sensor.electrons_at_white(iso),
            "gain_dn_e": sensor.gain_dn_e(iso), "read_noise_dn": sensor.read_noise_dn(iso), "prnu": sensor.prnu,
            "dsnu_e": sensor.dsnu_e,
        },
        "seed": simulation.seed,
        "shape": list(simulation.shape),
        "frames": frames,
        "files": {
            "mosaic.npy": "float32 [H, W]: frame 0 without noise, shading and clipping, 1 = saturation",
            "rgb.npy": "float32 [H, W, 3]: the same with all colours at every pixel, camera RGB, not white-balanced",
            "rgb_2x.npy": "float16 [2H, 2W, 3]: the same at places half a px apart, through the same pixel aperture",
            "depth_m.npy": "float32 [H, W]: distance of what covers most of each pixel in frame 0, m",
            "masks.npz": "bool [H, W] over frame 0: objects, swept, boxes; empty where nothing moves by itself",
            "motion.npz": "affines [n, 2, 3]: (x, y) in frame 0 -> in frame k, px, pixel centres at + 0.5; rows "
                          "[n, m, 3, 3]: rows 0, 16, 32 ... of frame k, mid-exposure -> frame 0",
            "psf.npz": "nodes [n_y, n_x, 3, T, T] at corners of cells of 128 px, samples half a px apart, pixel "
                       "included; or sigma_px of a lens that is alike everywhere",
        },
    }  # fmt: skip


def _psf(simulation: Simulation) -> dict[str, npt.NDArray[Any]]:
    lens = simulation.camera.lens
    if hasattr(lens, "field"):
        return {"nodes": lens.psf_nodes(simulation.shape, 0.0)}
    return {"sigma_px": np.float64(lens.psf_sigma_px)}  # type: ignore[dict-item]


def check_truth(directory: str | Path, *, suffix: str = "", force: bool = False) -> Path:
    """The folder that `write_truth` makes, or the reason why it cannot; to be asked before the work.

    Raises
    ------
    OutputError
        If something is there already: only a truth, and only with `force`, is replaced.
    """
    folder = Path(directory) / (TRUTH_FOLDER + suffix)
    if folder.exists() and not (force and (folder / _MARK).is_file()):
        hint = "--force" if (folder / _MARK).is_file() else "another folder with -o"
        raise OutputError("there is something already", where=folder, hint=hint)
    return folder


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `folder` when the block ends well and vanishes when it does not."""
    aside = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        yield aside
        if folder.exists():
            shutil.rmtree(folder)
        aside.replace(folder)
    except OSError as error:
        raise OutputError(error.strerror or str(error), where=folder) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
