"""Camera colour to display in one pass: highlights, white balance, matrix, sharpening, local and global tone, gamut,
code.

Everything but the sharpening touches one pixel only, so a row is read once and written once. The steps and their
reasons are those of the stages' `reference.py`; the names are the same.
"""

import halide as hl

x, y, c, t, i, j = (hl.Var(n) for n in ("x", "y", "c", "t", "i", "j"))  # i: column in the tile t of a row
LUT_OFFSET, LUT_STEP_BITS, LUT_SIZE, LUT_TOP = 2.0**-12, 18, 577, 64.0
GAMUT_LIGHTNESS, GAMUT_HUES = 65, 257
HUES, LIGHTNESSES, GRAIN_PX, DITHER_PX, DARK = 256, 64, 512, 64, 0.1
NOISE_GATE, OVERSHOOT = 4.0, 0.12
GAMUT_TOP = 0.5
AGREEMENT, MOST, FADE_FROM = 10.0, 1.5, 0.6
GAIN_STEP_PX = 16
# Two vectors of 16 at a time: a pixel's steps follow one from the other, so that one alone would wait for itself.
TILE_X, TILE_Y, LANES = 512, 96, 32


def f(value):
    return hl.f32(value)


class Registers:
    """Values that several others need: each becomes a Func of one vector, so that it is computed once."""

    def __init__(self):
        self.funcs = []

    def __call__(self, value):
        func = hl.Func(f"kept{len(self.funcs)}")
        func[i, t, y] = value
        self.funcs.append(func)
        return func[i, t, y]

    def computed_at(self, stage):
        for func in self.funcs:
            func.compute_at(*stage).vectorize(i, LANES)


def inverse(v):
    """1 / v to seven digits, in a third of a division's time."""
    rough = hl.fast_inverse(v)
    return rough * (f(2) - v * rough)


def inverse_root(v):
    """1 / sqrt(v) to seven digits, in a quarter of a root's and a division's time; v > 0."""
    rough = hl.fast_inverse_sqrt(v)
    return rough * (f(1.5) - f(0.5) * v * rough * rough)


def smoothstep(low, high, v):
    t = hl.clamp((v - low) * (f(1) / (high - low)), f(0), f(1))
    return t * t * (3 - 2 * t)


def cube_root(v):
    """Halley's iteration from a guess by a third of the exponent; relative error below 3e-5; odd."""
    a = hl.max(hl.abs(v), f(1e-20))
    root = hl.reinterpret(hl.Float(32), hl.i32(f(hl.reinterpret(hl.Int(32), a)) * f(1 / 3)) + 709958130)
    cube = root * root * root
    root = root * (cube + 2 * a) * inverse(2 * cube + a)
    return hl.select(v < 0, -root, root)


def multiply(matrix, k, v):
    """Row sums of matrix k [3, 3] of the table times a list of three."""
    return [matrix[0, r, k] * v[0] + matrix[1, r, k] * v[1] + matrix[2, r, k] * v[2] for r in range(3)]


def lerp_nodes(name, grid, planes, place_x, place_y):
    """Bilinear samples of a grid [h, w, C] as a function of the column: rows of nodes are widened to pixels once, then
    mixed two by two."""
    n_x, n_y = grid.dim(1).extent(), grid.dim(2).extent()
    u = hl.clamp(place_x, f(0), f(n_x - 1))
    left = hl.clamp(hl.i32(u), 0, hl.max(n_x - 2, 0))
    right = hl.min(left + 1, n_x - 1)
    wide = hl.Func(name + "_wide")
    wide[i, t, c, j] = grid[c, left, j] + (u - f(left)) * (grid[c, right, j] - grid[c, left, j])
    v = hl.clamp(place_y, f(0), f(n_y - 1))
    low = hl.clamp(hl.i32(v), 0, hl.max(n_y - 2, 0))
    share = v - f(low)
    high = hl.min(low + 1, n_y - 1)

    def at(column):
        return [wide[column, t, k, low] + share * (wide[column, t, k, high] - wide[column, t, k, low]) for k in planes]

    return wide, at


def rebuilt(camera, inverse_clip, balance, surround, start, end):
    """`highlights.reference.reconstruct`, white-balanced."""
    w = [hl.max(camera[k], f(0)) * balance[k] for k in range(3)]
    share = [camera[k] * inverse_clip[k] for k in range(3)]
    doubt = [smoothstep(start, end, s) for s in share]
    # 1 / value of a clipped channel, white-balanced.
    inverse_limit = [inverse_clip[k] * (f(1) / balance[k]) for k in range(3)]
    r, b, inverse_r, inverse_b = surround[:4]
    r_b, b_r = r * inverse_b, b * inverse_r
    ratio = ((None, r, r_b), (inverse_r, None, inverse_b), (b_r, b, None))
    out = []
    for c, (i, j) in enumerate(((1, 2), (0, 2), (0, 1))):
        one, two, known_one, known_two = w[i], w[j], 1 - doubt[i], 1 - doubt[j]
        expected = two * ratio[i][j]
        total, apart = one + expected + f(1e-6), f(AGREEMENT) * (one - expected)
        total, apart = total * total, apart * apart
        both = hl.sqrt(one * two) * (1 + (surround[4 + c] - 1) * total / (total + apart))
        sure_one = smoothstep(f(0.75), f(1), one * ratio[j][i] * inverse_limit[j])
        sure_two = smoothstep(f(0.75), f(1), two * ratio[i][j] * inverse_limit[i])
        from_one = one + sure_one * hl.clamp(one * (ratio[c][i] - 1), f(0), f(MOST) * one)
        from_two = two + sure_two * hl.clamp(two * (ratio[c][j] - 1), f(0), f(MOST) * two)
        guess = known_one * (known_two * both + (1 - known_two) * from_one)
        guess = guess + (1 - known_one) * (known_two * from_two + (1 - known_two) * hl.max(from_one, from_two))
        out.append(w[c] + doubt[c] * hl.max(guess - w[c], f(0)))
    top = hl.max(out[0], hl.max(out[1], out[2]))
    low = hl.min(share[0], hl.min(share[1], share[2]))
    middle = hl.max(hl.min(doubt[0], doubt[1]), hl.min(hl.max(doubt[0], doubt[1]), doubt[2]))
    fade = middle * smoothstep(f(FADE_FROM), f(1), low)
    return [hl.select(camera[k] < 0, camera[k] * balance[k], out[k] + fade * (top - out[k])) for k in range(3)]


def look_up(lut, v):
    """`curve.look_up`: the bits of a float count in steps of 1/32 octave."""
    bits = hl.reinterpret(hl.Int(32), hl.min(hl.abs(v), f(LUT_TOP)) + f(LUT_OFFSET))
    place = bits - hl.reinterpret(hl.Int(32), f(LUT_OFFSET))
    low = hl.clamp(place >> LUT_STEP_BITS, 0, LUT_SIZE - 2)
    share = f(place - (low << LUT_STEP_BITS)) * f(2.0**-LUT_STEP_BITS)
    pair = lut[low]  # the value and what the next one is more: loading apart is what a table costs
    value = floats(pair) + share * floats(pair >> 32)
    return hl.select(v < 0, -value, value)


def floats(bits):
    """The lower half of 64 bits."""
    return hl.reinterpret(hl.Float(32), hl.cast(hl.UInt(32), bits))


def hue_place(a, b):
    """`reference.hue_place`, as 0..4."""
    q = b * inverse(hl.max(hl.abs(a) + hl.abs(b), f(1e-9)))
    return hl.select(a >= 0, q, 2 - q) + 1


def gamut_limit(gamut, lightness, a, b):
    """`reference.gamut_limit`; the four corners of a cell are one entry of the table, 16 bits each."""
    row = hl.clamp(lightness, f(0), f(1)) * (GAMUT_LIGHTNESS - 1)
    column = hue_place(a, b) * f((GAMUT_HUES - 1) / 4)
    r, s = hl.clamp(hl.i32(row), 0, GAMUT_LIGHTNESS - 2), hl.clamp(hl.i32(column), 0, GAMUT_HUES - 2)
    fr, fs = row - f(r), column - f(s)
    cell = gamut[s, r]
    low, high = hl.cast(hl.UInt(32), cell), hl.cast(hl.UInt(32), cell >> 32)
    corner = [f(hl.i32(v)) for v in (low & 0xFFFF, low >> 16, high & 0xFFFF, high >> 16)]
    top = corner[0] + fs * (corner[1] - corner[0])
    bottom = corner[2] + fs * (corner[3] - corner[2])
    return (top + fr * (bottom - top)) * f(GAMUT_TOP / 65535)


def sampled(keep, table, n, place, rows):
    """`look.reference.sample` of the rows of a table of n cells."""
    low = keep(hl.clamp(hl.i32(place), 0, n - 1))
    share = keep(place - f(low))
    return [floats(table[low, k]) + share * floats(table[low, k] >> 32) for k in range(rows)]


def moved(keep, g, lightness, chroma, unit, place):
    """`look.reference.moved`: lightness, a, b, response of grain."""
    turn, factor, lift = sampled(keep, g.by_hue, HUES, place * f(HUES / 4), 3)
    square = chroma * chroma
    light2 = lightness * lightness
    share = keep(square * light2 * inverse((square + g.style[0]) * (light2 + f(DARK * DARK))))
    window = 4 * lightness * (1 - lightness)
    lightness = keep(hl.clamp(lightness + window * (share * lift - g.style[1] * chroma), f(0), f(1)))
    by_lightness, tint_a, tint_b, grain = sampled(keep, g.by_lightness, LIGHTNESSES, lightness * LIGHTNESSES, 4)
    chroma = keep(chroma * (1 + share * (factor - 1)) * by_lightness)
    angle = keep(share * turn)
    z = angle * angle
    # Turns are below 0.8: the next terms are below 1e-5.
    sin = keep(angle * (1 - z * (f(1 / 6) - z * f(1 / 120))))
    cos = keep(1 - z * (f(0.5) - z * (f(1 / 24) - z * f(1 / 720))))
    a = chroma * (unit[0] * cos - unit[1] * sin) + tint_a
    b = chroma * (unit[0] * sin + unit[1] * cos) + tint_b
    return lightness, keep(a), keep(b), grain


def within_reach(keep, scene):
    """`reference.within_reach`."""
    top = keep(hl.max(hl.max(scene[0], hl.max(scene[1], scene[2])), f(1e-7)))
    per_top = keep(inverse(top))
    out = []
    for v in scene:
        distance = (top - v) * per_top
        z = hl.max(distance - f(0.9), f(0)) * 10
        out.append(top * (1 - hl.min(distance, f(0.9)) - f(0.1) * z * inverse_root(1 + z * z)))
    return out


def believable(keep, g, light, y_light):
    """`reference.believable_colour`."""
    square = hl.max(y_light, f(0)) * hl.max(y_light, f(0))
    limit = g.floor * g.floor
    share = hl.select(g.identity != 0, f(1), square * square * inverse(square * square + limit * limit))
    share = keep(share)
    return [y_light + share * (v - y_light) for v in light]


def shown(keep, g, scene):
    """`reference.to_display`: linear display RGB, 0..1, and the response of grain."""
    scene = [keep(hl.select(g.identity != 0, v, w)) for v, w in zip(scene, within_reach(keep, scene), strict=True)]
    curved = [keep(look_up(g.lut, v)) for v in scene]
    cones0 = [keep(cube_root(v)) for v in multiply(g.matrices, 1, scene)]
    cones = [keep(cube_root(v)) for v in multiply(g.matrices, 1, curved)]
    lab0, lab = [keep(v) for v in multiply(g.matrices, 2, cones0)], [keep(v) for v in multiply(g.matrices, 2, cones)]
    a, b = lab0[1:]
    square0 = keep(hl.max(a * a + b * b, f(1e-10)))
    per_chroma0 = keep(inverse_root(square0))
    square = lab[1] * lab[1] + lab[2] * lab[2]
    chroma = square * inverse_root(hl.max(square, f(1e-20)))
    chroma = keep(hl.min(chroma, 4 * square0 * per_chroma0) * g.saturation)
    unit = [keep(a * per_chroma0), keep(b * per_chroma0)]
    lightness = keep(hl.clamp(lab[0], f(0), f(1)))
    lightness, a, b, grain = moved(keep, g, lightness, chroma, unit, keep(hue_place(a, b)))
    square = keep(hl.max(a * a + b * b, f(1e-12)))
    per_chroma = keep(inverse_root(square))
    chroma = keep(square * per_chroma)
    limit = keep(hl.max(gamut_limit(g.gamut, lightness, a, b), f(1e-6)))
    soft = g.style[2]
    z = keep(hl.max(chroma * inverse(limit) - soft, f(0)) * (1 / (1 - soft)))
    eased = hl.min(chroma, soft * limit) + limit * (1 - soft) * z * inverse_root(1 + z * z)
    darker = hl.min(lightness * inverse(hl.max(lab0[0], f(1e-3))), f(1))
    shown_before = hl.min(chroma, square0 * per_chroma0 * darker)
    eased = hl.select(g.identity != 0, hl.max(eased, shown_before), eased)
    scale = keep(eased * per_chroma)
    lms = [keep(v * v * v) for v in multiply(g.matrices, 3, [lightness, a * scale, b * scale])]
    return [keep(hl.clamp(v, f(0), f(1))) for v in multiply(g.matrices, 4, lms)], grain


def encoded(v, bits, threshold):
    """The sRGB curve, as code values where `bits` is 8 or 16; the former dithered."""
    if bits == 32:
        return v
    power = hl.fast_pow(hl.max(v, f(0.0031308)), f(1 / 2.4))
    signal = hl.select(v <= f(0.0031308), f(12.92) * v, f(1.055) * power - f(0.055))
    top, kind = (255, hl.UInt(8)) if bits == 8 else (65535, hl.UInt(16))
    return hl.cast(kind, hl.clamp(signal * top + (threshold if bits == 8 else f(0.5)), f(0), f(top)))


def sharpening(g, root, noise, per_count):
    """`sharpen.reference.sharpening_ratio` of root = sqrt(Y), and the Funcs that want rows of their own."""
    along, low3, high3 = hl.Func("along"), hl.Func("low3"), hl.Func("high3")
    taps = [g.taps[k] for k in range(4)]
    along[i, t, y] = taps[0] * root[i, t, y] + sum(taps[k] * (root[i - k, t, y] + root[i + k, t, y]) for k in (1, 2, 3))
    low3[i, t, y] = hl.min(root[i, t, y], hl.min(root[i - 1, t, y], root[i + 1, t, y]))
    high3[i, t, y] = hl.max(root[i, t, y], hl.max(root[i - 1, t, y], root[i + 1, t, y]))
    v = root[i, t, y]
    square = v * v
    sides = sum(taps[k] * (along[i, t, y - k] + along[i, t, y + k]) for k in (1, 2, 3))
    detail = taps[0] * along[i, t, y] + sides - v
    variance = (hl.max(square - f(1e-5), f(0)) * noise[0] + noise[1]) * per_count
    gate = f(NOISE_GATE**2 / 4) * variance + f(1e-8) * square
    # Both sides times v^2, which saves a division; v is at least 0.003, the fourth powers are safe.
    strength = detail * detail * square
    strength = strength * strength
    detail = detail * strength * inverse(strength + gate * gate) * g.amount
    low = hl.min(low3[i, t, y], hl.min(low3[i, t, y - 1], low3[i, t, y + 1]))
    high = hl.max(high3[i, t, y], hl.max(high3[i, t, y - 1], high3[i, t, y + 1]))
    room = f(OVERSHOOT) * (high - low)
    ratio = hl.max(hl.clamp(v + detail, low - room, high + room), f(0)) * inverse(v)
    return hl.clamp(ratio * ratio, f(0.25), f(4)), (along, low3, high3)


def develop(g, bits):
    """The algorithm."""
    # Beyond the picture its edge repeats, and what is known about the edge with it. Rows are those of the arrays.
    width = g.out.output_buffer().dim(1).extent()
    row = hl.clamp(y + g.first, g.top, g.top + g.rows - 1)
    column = hl.clamp(hl.likely(t * TILE_X + i), 0, width - 1)
    on_16_px = (f(column + g.left) + f(0.5)) * f(1 / GAIN_STEP_PX), (f(row) + f(0.5)) * f(1 / GAIN_STEP_PX)
    on_facts = f(column) * g.step_x + g.first_x, f(row + g.above) * g.step_y + g.first_y
    clip_wide, inverse_clip = lerp_nodes("clip", g.inverse_clip, range(3), *on_16_px)
    noise_wide, noise = lerp_nodes("noise", g.noise, range(2), *on_16_px)
    local_wide, local = lerp_nodes("local", g.nodes, (0, 1, 2), *on_facts)
    surround_wide, surround = lerp_nodes("surround", g.nodes, range(3, 10), *on_facts)

    camera, brightest = hl.Func("camera"), hl.Func("brightest")
    camera[i, t, y] = hl.Tuple([g.camera[k, column + g.left, row] for k in range(3)])
    lanes = hl.RDom([(0, LANES)], "lanes")
    at = i * LANES + lanes.x
    top = hl.max(camera[at, t, y][0], hl.max(camera[at, t, y][1], camera[at, t, y][2]))
    brightest[i, t, y] = hl.f32(-1e9)
    brightest[i, t, y] = hl.max(brightest[i, t, y], top)

    keep = Registers()
    balance = [g.balance[k] for k in range(3)]
    work, root = hl.Func("work"), hl.Func("root")
    work[i, t, y] = hl.Tuple(multiply(g.matrices, 0, [camera[i, t, y][k] * balance[k] for k in range(3)]))
    # Vectors of pixels of which one may be clipped.
    some = hl.RDom([(0, LANES), (0, TILE_X // LANES + 2)], "some")
    some.where(brightest[some.y - 1, t, y] > g.doubtful)
    here = (some.y - 1) * LANES + some.x
    near = [camera[here, t, y][k] for k in range(3)]
    balanced = rebuilt(near, inverse_clip(here), balance, surround(here), g.start, g.end)
    work[here, t, y] = hl.Tuple(multiply(g.matrices, 0, balanced))
    luma = [g.matrices[k, 0, 5] for k in range(3)]
    root[i, t, y] = hl.sqrt(hl.max(sum(luma[k] * work[i, t, y][k] for k in range(3)), f(0)) + f(1e-5))

    counts_row = hl.min(row, g.count.dim(1).extent() - 1)
    per_count = keep(inverse(hl.max(g.count[column + g.left, counts_row], f(1e-3))))
    ratio, sharpen_rows = sharpening(g, root, noise(i), per_count)
    ratio = keep(ratio)
    light = [keep(work[i, t, y][k] * ratio) for k in range(3)]
    y_light = keep(sum(luma[k] * light[k] for k in range(3)))
    light = [keep(v) for v in believable(keep, g, light, y_light)]
    a, b, halo = local(i)
    stops = hl.fast_log(hl.max(y_light, g.floor))
    from_middle = [place - g.style[k] for place, k in zip(on_facts, (6, 7), strict=True)]
    square = keep((from_middle[0] * from_middle[0] + from_middle[1] * from_middle[1]) * g.style[8])
    fall_off = square * (g.style[9] + square * g.style[10])
    gain = keep(hl.fast_exp(a * stops + (b + g.exposure_ev + fall_off) * f(0.6931472)))
    halo = keep(halo)
    colours, response = shown(keep, g, [keep((p + halo * g.style[3 + k]) * gain) for k, p in enumerate(light)])
    at = column + g.origin_x, row + g.above + g.origin_y
    grain = f(g.grain[at[0] & (GRAIN_PX - 1), at[1] & (GRAIN_PX - 1)])
    grain = keep(hl.fast_exp(response * grain * g.style[11]))
    threshold = keep(g.dither[at[0] & (DITHER_PX - 1), at[1] & (DITHER_PX - 1)])
    codes = [encoded(hl.min(v * grain, f(1)), bits, threshold) for v in colours]
    code = hl.Func("code")
    code[i, t, y] = hl.Tuple(codes)
    at = code[x % TILE_X, x // TILE_X, y]
    g.out[c, x, y] = hl.select(c == 0, at[0], c == 1, at[1], at[2])

    wide = (clip_wide, surround_wide, noise_wide, local_wide)
    schedule(g, camera, brightest, work, (root, *sharpen_rows), wide, code, keep, some, lanes)


def schedule(g, camera, brightest, work, rows, wide, code, keep, some, lanes):
    """Bands of rows in parallel; in a band a column of tiles slides down, so that a row's light is computed once."""
    xo, yo, xi, yi, io, ii = (hl.Var(n) for n in ("xo", "yo", "xi", "yi", "io", "ii"))
    out, tail = g.out, hl.TailStrategy.GuardWithIf
    # Channels are interleaved: said aloud, so that a vector of pixels is loaded and stored whole.
    for pixels in (g.camera, out.output_buffer()):
        pixels.dim(0).set_bounds(0, 3).set_stride(1)
        pixels.dim(1).set_stride(3)
    out.output_buffer().dim(1).set_min(0)
    out.bound(c, 0, 3).split(y, yo, yi, TILE_Y, tail).split(x, xo, x, TILE_X, tail).split(x, x, xi, LANES, tail)
    out.reorder(c, xi, x, yi, xo, yo).unroll(c).vectorize(xi).parallel(yo)
    code.compute_at(out, yi).split(i, io, ii, LANES, hl.TailStrategy.RoundUp).vectorize(ii)
    keep.computed_at((code, io))
    # Seven rows of a tile stay in the second-level cache while the window moves down.
    work.store_at(out, xo).fold_storage(y, 8).compute_at(out, yi).split(
        i, io, ii, LANES, hl.TailStrategy.RoundUp
    ).vectorize(ii)
    work.update().reorder(some.x, some.y).allow_race_conditions().vectorize(some.x)
    camera.compute_at(out, yi).vectorize(i, LANES, hl.TailStrategy.RoundUp)
    brightest.compute_at(out, yi)
    brightest.update().atomic().vectorize(lanes.x)
    for func in rows:
        func.store_at(out, xo).compute_at(out, yi).vectorize(i, LANES, hl.TailStrategy.RoundUp)
    for func in wide:
        func.compute_at(out, xo).vectorize(i, LANES, hl.TailStrategy.RoundUp)


class Inputs:
    """What all three depths take.

    camera [n, W, 3], of which `rows` rows from `top` and the columns from `left` on are the picture that is shown; out
    begins with row `first` of them. inverse_clip [gh, gw, 3], 1 / value of a clipped pixel, and noise [gh, gw, 2],
    variance of luminance per light and in the dark, at nodes every 16 px of camera; count [n or 1, W], frames in each
    pixel. nodes [h, w, 10]: local exposure a, b, light of halation and surround at the facts' nodes; pixel x of out
    lies at first_x + x step_x, row y of camera at first_y + (y + above) step_y. balance [3]; matrices [6, 3, 3]:
    white-balanced camera to work, work to cones, cones to Oklab, back, cones to display, and (first row) luminance
    weights; the tone curve's steps [576]; the gamut's cells [64, 256]. Of the look: tables by_hue [3, 256] and
    by_lightness [4, 64]; style [12]: gate squared, density, where easing into the gamut begins, colour of halation (3),
    the picture's middle in nodes (x, y), one over the squared distance of its corner, stops of fall-off for r^2 and
    r^4, natural log of light for a code of grain; tiles of grain [512, 512] and of dither [64, 64], which begin at
    origin. The sharpening filter [4]. Only where a value exceeds `doubtful` may one be clipped.
    """

    camera = hl.InputBuffer(hl.Float(32), 3)
    inverse_clip = hl.InputBuffer(hl.Float(32), 3)
    noise = hl.InputBuffer(hl.Float(32), 3)
    count = hl.InputBuffer(hl.Float(32), 2)
    nodes = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    matrices = hl.InputBuffer(hl.Float(32), 3)
    lut = hl.InputBuffer(hl.UInt(64), 1)
    gamut = hl.InputBuffer(hl.UInt(64), 2)
    by_hue = hl.InputBuffer(hl.UInt(64), 2)
    by_lightness = hl.InputBuffer(hl.UInt(64), 2)
    style = hl.InputBuffer(hl.Float(32), 1)
    grain = hl.InputBuffer(hl.Int(8), 2)
    dither = hl.InputBuffer(hl.Float(32), 2)
    taps = hl.InputBuffer(hl.Float(32), 1)
    left = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    rows = hl.InputScalar(hl.Int(32))
    first = hl.InputScalar(hl.Int(32))
    above = hl.InputScalar(hl.Int(32))
    origin_x = hl.InputScalar(hl.Int(32))
    origin_y = hl.InputScalar(hl.Int(32))
    first_x = hl.InputScalar(hl.Float(32))
    step_x = hl.InputScalar(hl.Float(32))
    first_y = hl.InputScalar(hl.Float(32))
    step_y = hl.InputScalar(hl.Float(32))
    doubtful = hl.InputScalar(hl.Float(32))
    start = hl.InputScalar(hl.Float(32))
    end = hl.InputScalar(hl.Float(32))
    amount = hl.InputScalar(hl.Float(32))
    exposure_ev = hl.InputScalar(hl.Float(32))
    floor = hl.InputScalar(hl.Float(32))
    saturation = hl.InputScalar(hl.Float(32))
    identity = hl.InputScalar(hl.Int(32))


@hl.generator(name="develop_u8")
class DevelopU8(Inputs):
    """To sRGB-curve code values uint8 [H, W, 3]."""

    out = hl.OutputBuffer(hl.UInt(8), 3)

    def generate(self):
        develop(self, 8)


@hl.generator(name="develop_u16")
class DevelopU16(Inputs):
    """To sRGB-curve code values uint16 [H, W, 3]."""

    out = hl.OutputBuffer(hl.UInt(16), 3)

    def generate(self):
        develop(self, 16)


@hl.generator(name="develop_f32")
class DevelopF32(Inputs):
    """To linear display light float32 [H, W, 3], 0..1."""

    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        develop(self, 32)


if __name__ == "__main__":
    hl.main()
