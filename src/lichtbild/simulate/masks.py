"""Where things that move by themselves are, as frame 0 shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from lichtbild.simulate.draw import Drawable, Screen

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]

# Cover that counts as touched.
_TOUCHED = 0.005


def masks_of(
    screen: Screen,
    layers: Sequence[Drawable],
    back_at: Callable[[Drawable, int], Float64],
    n_frames: int,
    duration_s: float,
) -> dict[str, Bool]:
    """Named bool [H, W]: "objects", "swept" and "boxes" as in `Truth.masks`; nothing for a scene that holds still.

    `back_at(layer, frame)`: the way back from frame 0 to the layer where it is at the moment of a frame.
    """
    moving = [drawable for drawable in layers if drawable.layer.is_moving]
    masks = {name: np.zeros(screen.shape, bool) for name in (("objects", "swept", "boxes") if moving else ())}
    for drawable in moving:
        for k in range(n_frames):
            back = back_at(drawable, k)
            zone = screen.zone(drawable, back)
            if zone is None:
                continue
            here = (slice(zone[0], zone[0] + zone[2]), slice(zone[1], zone[1] + zone[3]))
            touched = screen.cover(drawable, back, np.ones((2, 2), np.int32), zone) > _TOUCHED
            masks["swept"][here] |= touched
            if k == 0:
                masks["objects"][here] |= touched
                _mark_box(masks["boxes"], drawable, here, touched, duration_s)
    return masks


def _mark_box(boxes: Bool, drawable: Drawable, here: tuple[slice, slice], touched: Bool, duration_s: float) -> None:
    """The box around what frame 0 shows, widened by the way of the whole burst."""
    rows, columns = np.nonzero(touched.any(1))[0], np.nonzero(touched.any(0))[0]
    if len(rows):
        way = np.ceil(np.abs(drawable.layer.travel.velocity_px_s) * np.float64(duration_s)).astype(int)
        top, left = here[0].start, here[1].start
        boxes[
            max(0, top + rows[0] - way[1]) : top + rows[-1] + 1 + way[1],
            max(0, left + columns[0] - way[0]) : left + columns[-1] + 1 + way[0],
        ] = True
