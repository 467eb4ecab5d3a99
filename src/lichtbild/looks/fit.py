"""A look from a picture before and after: what was done to it, as a look's own numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.core.errors import ShapeError, UsageError
from lichtbild.looks.display import shown
from lichtbild.stages.look import Look
from lichtbild.stages.look.model import ColourLook, HueMove, MonochromeLook, SplitLook, ToneLook

Floats = npt.NDArray[np.float64]

MOST_PIXELS = 40_000
HUES_DEG = (29.0, 60.0, 95.0, 130.0, 165.0, 200.0, 235.0, 265.0, 300.0, 335.0)
WIDTH_DEG = 36.0


@dataclasses.dataclass(frozen=True)
class Fit:
    """A look found, and what it leaves: CIEDE2000 mean and 95th percentile before and after fitting."""

    look: Look
    before: tuple[float, float]
    after: tuple[float, float]
    notes: tuple[str, ...] = ()


def _oklab(codes: npt.NDArray[np.floating]) -> Floats:
    return cs.xyz_to_oklab(cs.srgb_decode(np.asarray(codes, np.float64)) @ cs.SRGB_TO_XYZ.T)


def difference(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> tuple[float, float]:
    """CIEDE2000 between two pictures of sRGB codes [..., 3]: mean and 95th percentile."""
    white = cs.SRGB_TO_XYZ.sum(1)
    a, b = (cs.xyz_to_lab(cs.srgb_decode(np.asarray(v, np.float64)) @ cs.SRGB_TO_XYZ.T, white) for v in (one, other))
    error = cs.delta_e_2000(a, b)
    return float(error.mean()), float(np.percentile(error, 95))


def fit(before: npt.ArrayLike, after: npt.ArrayLike, name: str = "fitted") -> Fit:
    """The look that leads from one picture to the other.

    Parameters
    ----------
    before, after
        The same picture twice, sRGB codes 0..1 [H, W, 3] of one size, pixel on pixel. `before` is taken for the natural
        look.

    Raises
    ------
    ShapeError
        If their sizes differ.
    UsageError
        If `before` holds hardly any tones or colours to learn from.

    Notes
    -----
    First the curve, by lightness; then tints by the colour of what was grey; then chroma and hues, ten moves, by
    medians, three times over, since each changes what the others see. Fails on what depends on the place in the
    picture (masks, vignettes). Cost O(1): at most 40 000 pixels are looked at.
    """
    one, two = (np.asarray(v, np.float32).reshape(-1, 3) for v in (before, after))
    if np.shape(before) != np.shape(after):
        raise ShapeError(f"{np.shape(before)[:2]} and {np.shape(after)[:2]} px", where="before and after",
                         hint="the same picture twice, in one size")  # fmt: skip
    step = max(1, len(one) // MOST_PIXELS)
    one, two = one[::step], two[::step]
    if np.ptp(np.percentile(one.mean(1), (1, 99))) < 0.15:
        raise UsageError("hardly any tones to learn from", where="before", hint="a picture with shadows and highlights")
    found = Look(name, f"Fitted from a pair of pictures, {len(one)} pixels.", skin=100.0)
    is_grey = float(np.percentile(np.hypot(*_oklab(two)[:, 1:].T), 99)) < 0.03
    notes = []
    if is_grey:
        found, note = _film(found, one, two)
        notes.append(note)
    found = dataclasses.replace(found, tone=_curve(found, one, two))
    for _ in range(3):
        found = dataclasses.replace(found, split=_split(found, one, two))
        if is_grey:
            break
        found = dataclasses.replace(found, colour=_colour(found, one, two))
        found = dataclasses.replace(found, hues=_hues(found, one, two))
    result = shown(found, one[None])[0]
    return Fit(found, difference(one, two), difference(result, two), tuple(notes))


def _film(look: Look, one: npt.NDArray[np.float32], two: npt.NDArray[np.float32]) -> tuple[Look, str]:
    """Black and white: the film and filter whose greys follow the other's best, by rank."""
    from lichtbild.stages.look.model import FILMS, FILTERS

    def ranks(v: Floats) -> Floats:
        return np.argsort(np.argsort(v, kind="stable"), kind="stable").astype(np.float64)

    wanted = ranks(_oklab(two)[:, 0])
    best, chosen = -2.0, MonochromeLook(1.0)
    for film in FILMS:
        for filter in FILTERS:
            mono = MonochromeLook(1.0, film, filter)
            seen = ranks(_oklab(shown(dataclasses.replace(look, monochrome=mono), one[None])[0])[:, 0])
            score = float(np.corrcoef(seen, wanted)[0, 1])
            if score > best:
                best, chosen = score, mono
    return dataclasses.replace(look, monochrome=chosen), f"{chosen.film} film, filter {chosen.filter}"


def _curve(look: Look, one: npt.NDArray[np.float32], two: npt.NDArray[np.float32]) -> ToneLook:
    """Slope, toe, shoulder, mid grey, black and white by a descent along one number at a time."""
    base = dataclasses.replace(look, colour=dataclasses.replace(ColourLook(), saturation=1.07))
    wanted = _oklab(two)[:, 0]
    order = np.argsort(_oklab(one)[:, 0])
    # Medians over a hundred groups of like lightness: colour moves do not count.
    groups = np.array_split(order, 100)
    target = np.array([np.median(wanted[g]) for g in groups])
    middle = np.stack([np.median(one[g], axis=0) for g in groups])
    grey = middle if look.monochrome.amount else np.repeat(_grey_codes(middle)[:, None], 3, 1)

    def cost(tone: ToneLook) -> float:
        made = _oklab(shown(dataclasses.replace(base, tone=tone), grey[None].astype(np.float32))[0])[:, 0]
        return float(np.abs(made - target).mean() + 0.3 * np.square(made - target).mean() ** 0.5)

    steps = {"mid": 0.03, "slope": 0.3, "black": 0.008, "toe_ev": 1.0, "shoulder_ev": 1.2, "white_ev": 0.5}
    lowest, tone = cost(ToneLook()), ToneLook()
    for _ in range(14):
        improved = False
        for key, size in steps.items():
            for sign in (1.0, -1.0):
                tried = _stepped(tone, key, sign * size)
                if (value := cost(tried)) < lowest - 1e-6:
                    lowest, tone, improved = value, tried, True
                    break
        if not improved:
            steps = {key: size / 2 for key, size in steps.items()}
    return tone


def _stepped(tone: ToneLook, key: str, change: float) -> ToneLook:
    bounds = ToneLook.__dataclass_fields__[key].metadata
    value = min(max(getattr(tone, key) + change, bounds["low"]), bounds["high"])
    return dataclasses.replace(tone, **{key: value})


def _grey_codes(codes: npt.NDArray[np.floating]) -> Floats:
    """Codes of greys as light as colours."""
    return np.asarray(cs.srgb_encode(np.clip(_oklab(codes)[:, 0], 0, 1) ** 3), np.float64)


def _split(look: Look, one: npt.NDArray[np.float32], two: npt.NDArray[np.float32]) -> SplitLook:
    """Tints by the colour of what is nearly grey in the shadows and in the highlights."""
    plain = dataclasses.replace(look, split=SplitLook())
    made, wanted = _oklab(shown(plain, one[None])[0]), _oklab(two)
    neutral = np.hypot(*_oklab(one)[:, 1:].T) < (0.05 if not look.monochrome.amount else 1.0)
    tints = []
    for low, high in ((0.2, 0.5), (0.65, 0.88)):
        inside = neutral & (made[:, 0] > low) & (made[:, 0] < high)
        if inside.sum() < 30:
            tints.append((0.0, 0.0))
            continue
        a, b = np.median(wanted[inside, 1:] - made[inside, 1:], axis=0) / 0.85
        chroma = float(np.hypot(a, b))
        tints.append((float(np.degrees(np.arctan2(b, a)) % 360), min(chroma, 0.1) if chroma > 0.002 else 0.0))
    (dark_hue, dark), (light_hue, light) = tints
    return SplitLook(dark_hue, dark, light_hue, light)


def _polar(v: Floats) -> tuple[Floats, Floats]:
    return np.hypot(v[:, 1], v[:, 2]), np.arctan2(v[:, 2], v[:, 1])


def _colour(look: Look, one: npt.NDArray[np.float32], two: npt.NDArray[np.float32]) -> ColourLook:
    """Chroma, and chroma in shadows and highlights, by medians of ratios."""
    made, wanted = _oklab(shown(look, one[None])[0]), _oklab(two)
    (c_made, _), (c_wanted, _) = _polar(made), _polar(wanted)
    coloured = (c_made > 0.03) & (np.hypot(*_oklab(one)[:, 1:].T) > 0.03)

    def ratio(inside: npt.NDArray[np.bool_]) -> float:
        chosen = coloured & inside
        return float(np.median(c_wanted[chosen] / c_made[chosen])) if chosen.sum() >= 50 else 1.0

    middle = ratio((made[:, 0] > 0.4) & (made[:, 0] < 0.75))
    dark, light = ratio(made[:, 0] < 0.3) / middle, ratio(made[:, 0] > 0.85) / middle
    old = look.colour
    return dataclasses.replace(
        old,
        saturation=float(np.clip(old.saturation * middle, 0, 2)),
        shadows=float(np.clip(old.shadows * dark, 0.3, 1.6)),
        highlights=float(np.clip(old.highlights * light, 0.3, 1.6)),
    )


def _hues(look: Look, one: npt.NDArray[np.float32], two: npt.NDArray[np.float32]) -> tuple[HueMove, ...]:
    """What is left at ten hues, added to what was found before; half of it at a time, since moves overlap."""
    made, wanted = _oklab(shown(look, one[None])[0]), _oklab(two)
    (c_made, h_made), (c_wanted, h_wanted) = _polar(made), _polar(wanted)
    hue = np.degrees(_polar(_oklab(one))[1])
    old = {move.hue_deg: move for move in look.hues}
    moves = []
    for at in HUES_DEG:
        inside = (np.abs((hue - at + 180) % 360 - 180) < WIDTH_DEG / 2) & (c_made > 0.04) & (c_wanted > 0.02)
        inside &= (made[:, 0] > 0.25) & (made[:, 0] < 0.9)
        before = old.get(at, HueMove(at, WIDTH_DEG))
        if inside.sum() < 40:
            moves.append(before)
            continue
        turn = np.degrees(np.median((h_wanted - h_made + np.pi)[inside] % (2 * np.pi) - np.pi))
        factor = float(np.median(c_wanted[inside] / c_made[inside]))
        window = 4 * made[inside, 0] * (1 - made[inside, 0])
        lift = float(np.median((wanted[inside, 0] - made[inside, 0]) / np.maximum(window, 0.2)))
        k = 0.6
        moves.append(
            HueMove(
                at,
                WIDTH_DEG,
                float(np.clip(before.turn_deg + k * turn, -40, 40)),
                float(np.clip(before.saturation * (1 + k * (factor - 1)), 0, 2)),
                float(np.clip(before.lightness + k * lift, -0.2, 0.2)),
            )
        )
    return tuple(m for m in moves if abs(m.turn_deg) > 0.3 or abs(m.saturation - 1) > 0.01 or abs(m.lightness) > 0.002)
