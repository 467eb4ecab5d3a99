"""One scene for two lenses of a body: the second sees it magnified."""

from __future__ import annotations

from dataclasses import replace

from lichtbild.core.errors import UsageError
from lichtbild.simulate.scene import Scene


def zoomed(scene: Scene, ratio: float, shape: tuple[int, int], second_shape: tuple[int, int]) -> Scene:
    """The scene in px of a second camera that looks the same way.

    Parameters
    ----------
    ratio
        Focal length of the second over that of the first, both in px.
    shape, second_shape
        Rows and columns of their frames; middles coincide.

    Raises
    ------
    UsageError
        If the samples do not suffice for the second, or it sees beyond the scene.
    """
    oversampling = scene.oversampling / ratio
    if oversampling < 1 - 1e-9 or abs(oversampling * 4 - round(oversampling * 4)) > 1e-6:
        raise UsageError(
            f"a magnification of {ratio:.4g} leaves {oversampling:.4g} samples a px", where="pair",
            hint="lenses whose focal lengths in px are simple multiples, such as p9 or quad-48",
        )  # fmt: skip
    rooms = [(n / 2 + scene.margin_px) * ratio - m / 2 for n, m in zip(shape, second_shape, strict=True)]
    margin = int(min(rooms))
    if margin < 8:
        raise UsageError("the second lens sees more than the first", where="pair", hint="the wider one as the first")
    first_px = [(room - margin) / ratio * scene.oversampling for room in rooms]
    # Whole samples are cut; what is left over is a part of a sample of one border.
    top, left = (round(cut) for cut in first_px)
    rows, columns = (round((m + 2 * margin) * oversampling) for m in second_shape)
    offset = [(k - cut) / scene.oversampling * ratio for k, cut in zip((top, left), first_px, strict=True)]
    if max(abs(o) for o in offset) > 1e-3:
        raise UsageError("the two pictures cannot be laid on whole samples", where="pair", hint="even sizes")
    ground = scene.layers[0]
    cut = (slice(top, top + rows), slice(left, left + columns))
    materials = None
    if ground.materials is not None:
        materials = replace(ground.materials, index=ground.materials.index[cut].copy())
    layers = [replace(ground, light=ground.light[(slice(None), *cut)].copy(), materials=materials)]
    for layer in scene.layers[1:]:
        assert layer.centre_px is not None
        x, y = ((c - n / 2) * ratio + m / 2 for c, n, m in
                zip(layer.centre_px, shape[::-1], second_shape[::-1], strict=True))  # fmt: skip
        right, down = (v * ratio for v in layer.travel.velocity_px_s)
        layers.append(replace(layer, centre_px=(x, y), travel=replace(layer.travel, velocity_px_s=(right, down))))
    return Scene(tuple(layers), round(oversampling * 4) / 4, margin, scene.name, {"magnified": ratio})
