"""Camera colour to display in one pass: highlights, white balance, matrix, sharpening, local and global tone, gamut,
code.

Everything but the sharpening touches one pixel only, so a row is read once and written once. The steps and their
reasons are those of the stages' `reference.py`; the names are the same.
"""

import halide as hl

x, y, c, i, j = hl.Var("x"), hl.Var("y"), hl.Var("c"), hl.Var("i"), hl.Var("j")
LUT_SIZE, LUT_TOP = 1024, 64.0
GAMUT_LIGHTNESS, GAMUT_HUES, SOFT_FROM = 65, 257, 0.75
NOISE_GATE, OVERSHOOT = 2.5, 0.15
GAIN_STEP_PX = 16
TILE_X, TILE_Y, LANES = 512, 96, 16


def f(value):
    return hl.f32(value)


def smoothstep(low, high, v):
    t = hl.clamp((v - low) / (high - low), f(0), f(1))
    return t * t * (3 - 2 * t)


def cube_root(v):
    """Halley's iteration, twice, from a guess by a third of the exponent; relative error below 1e-6; odd."""
    a = hl.max(hl.abs(v), f(1e-20))
    root = hl.reinterpret(hl.Float(32), hl.i32(f(hl.reinterpret(hl.Int(32), a)) * f(1 / 3)) + 709958130)
    for _ in range(2):
        cube = root * root * root
        root = root * (cube + 2 * a) / (2 * cube + a)
    return hl.select(v < 0, -root, root)


def multiply(matrix, k, v):
    """Row sums of matrix k [3, 3] of the table times a list of three."""
    return [matrix[0, r, k] * v[0] + matrix[1, r, k] * v[1] + matrix[2, r, k] * v[2] for r in range(3)]


def lerp_nodes(name, grid, planes, place_x, place_y):
    """Bilinear samples of a grid [h, w, C] as a Func of (x, y) giving a list; the vertical half once a row."""
    n_x, n_y = grid.dim(1).extent(), grid.dim(2).extent()
    v = hl.clamp(place_y, f(0), f(n_y - 1))
    low = hl.clamp(hl.i32(v), 0, hl.max(n_y - 2, 0))
    share = v - f(low)
    high = hl.min(low + 1, n_y - 1)
    row = hl.Func(name + "_row")
    row[i, c, y] = grid[c, i, low] * (1 - share) + grid[c, i, high] * share
    u = hl.clamp(place_x, f(0), f(n_x - 1))
    left = hl.clamp(hl.i32(u), 0, hl.max(n_x - 2, 0))
    part = u - f(left)
    right = hl.min(left + 1, n_x - 1)
    return row, [row[left, k, y] + part * (row[right, k, y] - row[left, k, y]) for k in planes]


def rebuilt(camera, clip, neutral, surround, start, end):
    """`highlights.reference.reconstruct`, white-balanced."""
    w = [hl.max(camera[k], f(0)) / neutral[k] for k in range(3)]
    share = [camera[k] / clip[k] for k in range(3)]
    doubt = [smoothstep(start, end, s) for s in share]
    rho = [hl.fast_exp(surround[0]), f(1), hl.fast_exp(surround[1])]
    out = []
    for k, (a, b) in enumerate(((1, 2), (0, 2), (0, 1))):
        ahead, behind = w[a] * rho[b], w[b] * rho[a]
        disagreement = 8 * (ahead - behind) / (ahead + behind + f(1e-6))
        trust = (1 - doubt[a]) * (1 - doubt[b]) / (1 + disagreement * disagreement)
        low, high = (0.85, 1.1) if k == 1 else (0.6, 1.8)
        relation = hl.clamp(rho[k] / hl.sqrt(rho[a] * rho[b]), f(low), f(high))
        brighter = hl.max(w[a], w[b])
        one, two = w[a] + doubt[a] * (brighter - w[a]), w[b] + doubt[b] * (brighter - w[b])
        guess = hl.sqrt(one * two) * (1 + trust * (relation - 1))
        out.append(w[k] + doubt[k] * hl.max(guess - w[k], f(0)))
    top = hl.max(out[0], hl.max(out[1], out[2]))
    low = hl.min(share[0], hl.min(share[1], share[2]))
    middle = hl.max(hl.min(doubt[0], doubt[1]), hl.min(hl.max(doubt[0], doubt[1]), doubt[2]))
    fade = middle * smoothstep(f(0.4), f(1), low)
    return [hl.select(camera[k] < 0, camera[k] / neutral[k], out[k] + fade * (top - out[k])) for k in range(3)]


def look_up(lut, v):
    """`curve.look_up`."""
    place = hl.sqrt(hl.sqrt(hl.min(hl.abs(v) * f(1 / LUT_TOP), f(1)))) * f(LUT_SIZE - 1)
    low = hl.clamp(hl.i32(place), 0, LUT_SIZE - 2)
    value = lut[low] + (place - f(low)) * (lut[low + 1] - lut[low])
    return hl.select(v < 0, -value, value)


def gamut_limit(gamut, lightness, a, b):
    """`reference.gamut_limit`."""
    q = b / hl.max(hl.abs(a) + hl.abs(b), f(1e-9))
    row = hl.clamp(lightness, f(0), f(1)) * (GAMUT_LIGHTNESS - 1)
    column = (hl.select(a >= 0, q, 2 - q) + 1) * f((GAMUT_HUES - 1) / 4)
    r, s = hl.clamp(hl.i32(row), 0, GAMUT_LIGHTNESS - 2), hl.clamp(hl.i32(column), 0, GAMUT_HUES - 2)
    fr, fs = row - f(r), column - f(s)
    top = gamut[s, r] + fs * (gamut[s + 1, r] - gamut[s, r])
    bottom = gamut[s, r + 1] + fs * (gamut[s + 1, r + 1] - gamut[s, r + 1])
    return top + fr * (bottom - top)


def shown(g, scene):
    """`reference.to_display`: linear display RGB, 0..1."""
    lab0 = multiply(g.matrices, 2, [cube_root(v) for v in multiply(g.matrices, 1, scene)])
    curved = [look_up(g.lut, v) for v in scene]
    lab = multiply(g.matrices, 2, [cube_root(v) for v in multiply(g.matrices, 1, curved)])
    a, b = (hl.select(g.identity != 0, lab[k], lab0[k]) for k in (1, 2))
    chroma0 = hl.max(hl.sqrt(a * a + b * b), f(1e-5))
    chroma = hl.sqrt(lab[1] * lab[1] + lab[2] * lab[2]) * g.saturation
    lightness = hl.clamp(lab[0], f(0), f(1))
    limit = hl.max(gamut_limit(g.gamut, lightness, a, b), f(1e-6))
    z = hl.max(chroma / limit - f(SOFT_FROM), f(0)) * f(1 / (1 - SOFT_FROM))
    eased = hl.min(chroma, f(SOFT_FROM) * limit) + limit * f(1 - SOFT_FROM) * z / hl.sqrt(1 + z * z)
    scale = hl.min(eased / chroma0, f(4))
    lms = [v * v * v for v in multiply(g.matrices, 3, [lightness, a * scale, b * scale])]
    return [hl.clamp(v, f(0), f(1)) for v in multiply(g.matrices, 4, lms)]


def encoded(v, bits):
    """The sRGB curve; v^(1/2.4) as root3(v) times its fourth root."""
    if bits == 32:
        return v
    root = cube_root(v)
    signal = hl.select(v <= f(0.0031308), f(12.92) * v, f(1.055) * root * hl.sqrt(hl.sqrt(root)) - f(0.055))
    top, kind = (255, hl.UInt(8)) if bits == 8 else (65535, hl.UInt(16))
    return hl.cast(kind, hl.clamp(signal * top + f(0.5), f(0), f(top)))


def develop(g, bits):
    """The algorithm, then the schedule."""
    near = hl.BoundaryConditions.repeat_edge(g.camera)

    # Beyond the picture its edge repeats, and what is known about the edge with it.
    column, row = (f(hl.clamp(v, 0, g.camera.dim(k).extent() - 1)) for k, v in ((1, x), (2, y)))
    on_16_px = (column + f(0.5)) * f(1 / GAIN_STEP_PX), (row + f(0.5)) * f(1 / GAIN_STEP_PX)
    on_facts = column * g.step_x + g.first_x, row * g.step_y + g.first_y
    clip_row, clip = lerp_nodes("clip", g.clip, range(3), *on_16_px)
    surround_row, surround = lerp_nodes("surround", g.nodes, (2, 3), *on_facts)
    noise_row, noise = lerp_nodes("noise", g.noise, range(2), *on_16_px)
    local_row, local = lerp_nodes("local", g.nodes, (0, 1), *on_facts)
    neutral = [g.neutral[k] for k in range(3)]
    work, root = hl.Func("work"), hl.Func("root")
    camera = [near[k, x, y] for k in range(3)]
    balanced = rebuilt(camera, clip, neutral, surround, g.start, g.end)
    work[x, y] = hl.Tuple(multiply(g.matrices, 0, balanced))
    luma = [g.matrices[k, 0, 5] for k in range(3)]
    bright = luma[0] * work[x, y][0] + luma[1] * work[x, y][1] + luma[2] * work[x, y][2]
    root[x, y] = hl.sqrt(hl.max(bright, f(0)) + f(1e-5))

    along, low3, high3 = hl.Func("along"), hl.Func("low3"), hl.Func("high3")
    taps = [g.taps[k] for k in range(4)]
    # The picture's edge pixel repeats: the rows and columns outside are those of the camera, repeated.
    along[x, y] = taps[0] * root[x, y] + sum(taps[k] * (root[x - k, y] + root[x + k, y]) for k in (1, 2, 3))
    low3[x, y] = hl.min(root[x, y], hl.min(root[x - 1, y], root[x + 1, y]))
    high3[x, y] = hl.max(root[x, y], hl.max(root[x - 1, y], root[x + 1, y]))
    v = root[x, y]
    detail = taps[0] * along[x, y] + sum(taps[k] * (along[x, y - k] + along[x, y + k]) for k in (1, 2, 3)) - v
    variance = (hl.max(v * v - f(1e-5), f(0)) * noise[0] + noise[1]) / (4 * v * v)
    gate = f(NOISE_GATE**2) * variance + f(1e-8)
    detail = detail * detail * detail / (detail * detail + gate) * g.amount
    low = hl.min(low3[x, y], hl.min(low3[x, y - 1], low3[x, y + 1]))
    high = hl.max(high3[x, y], hl.max(high3[x, y - 1], high3[x, y + 1]))
    room = f(OVERSHOOT) * (high - low)
    ratio = hl.max(hl.clamp(v + detail, low - room, high + room), f(0)) / v
    ratio = hl.clamp(ratio * ratio, f(0.25), f(4))

    light = [work[x, y][k] * ratio for k in range(3)]
    stops = hl.fast_log(hl.max(luma[0] * light[0] + luma[1] * light[1] + luma[2] * light[2], g.floor))
    gain = hl.fast_exp(local[0] * stops + (local[1] + g.exposure_ev) * f(0.6931472))
    done = hl.Func("done")
    done[x, y] = hl.Tuple([encoded(v, bits) for v in shown(g, [p * gain for p in light])])
    g.out[c, x, y] = hl.select(c == 0, done[x, y][0], c == 1, done[x, y][1], done[x, y][2])

    schedule(g, done, (work, root, along, low3, high3), (clip_row, surround_row), (noise_row, local_row))


def schedule(g, done, rows, nodes_of_rows, nodes_of_done):
    """Bands of rows in parallel; in a band a column of tiles slides down, so that a row's light is computed once."""
    xo, yo, xi, yi = hl.Var("xo"), hl.Var("yo"), hl.Var("xi"), hl.Var("yi")
    out = g.out
    out.bound(c, 0, 3).split(y, yo, yi, TILE_Y, hl.TailStrategy.GuardWithIf)
    out.split(x, xo, x, TILE_X, hl.TailStrategy.GuardWithIf).split(x, x, xi, LANES, hl.TailStrategy.GuardWithIf)
    out.reorder(c, xi, x, yi, xo, yo).unroll(c).vectorize(xi).parallel(yo)
    done.compute_at(out, x).vectorize(x, LANES)
    for func in rows:
        # Seven rows of the tile stay in the second-level cache while the window moves down.
        func.store_at(out, xo).compute_at(out, yi).vectorize(x, LANES, hl.TailStrategy.RoundUp)
    for func in nodes_of_rows:
        func.compute_at(rows[0], y)
    for func in nodes_of_done:
        func.compute_at(out, yi)


class Inputs:
    """What all three depths take.

    camera [H, W, 3]; clip [gh, gw, 3], value of a clipped pixel, and noise [gh, gw, 2], variance of luminance per
    light and in the dark, at nodes every 16 px; nodes [h, w, 4]: local exposure a, b and surround at the facts'
    nodes, pixel x lying at first_x + x step_x; neutral [3]; matrices [6, 3, 3]: white-balanced camera to work, work
    to cones, cones to Oklab, back, cones to display, and (first row) luminance weights; the tone curve [1024]; the
    gamut's chroma [65, 257]; the sharpening filter [4].
    """

    camera = hl.InputBuffer(hl.Float(32), 3)
    clip = hl.InputBuffer(hl.Float(32), 3)
    noise = hl.InputBuffer(hl.Float(32), 3)
    nodes = hl.InputBuffer(hl.Float(32), 3)
    neutral = hl.InputBuffer(hl.Float(32), 1)
    matrices = hl.InputBuffer(hl.Float(32), 3)
    lut = hl.InputBuffer(hl.Float(32), 1)
    gamut = hl.InputBuffer(hl.Float(32), 2)
    taps = hl.InputBuffer(hl.Float(32), 1)
    first_x = hl.InputScalar(hl.Float(32))
    step_x = hl.InputScalar(hl.Float(32))
    first_y = hl.InputScalar(hl.Float(32))
    step_y = hl.InputScalar(hl.Float(32))
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
