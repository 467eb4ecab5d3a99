"""A map of hue, saturation and value on camera colours. Steps and names are those of `reference.through_map`."""

import halide as hl

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
LANES = 8


def f(value):
    return hl.f32(value)


def product(matrix, v):
    return [matrix[0, k] * v[0] + matrix[1, k] * v[1] + matrix[2, k] * v[2] for k in range(3)]


def encode(v):
    power = f(1.055) * hl.fast_pow(hl.max(v, f(0.0031308)), f(1 / 2.4)) - f(0.055)
    return hl.select(v <= f(0.0031308), f(12.92) * v, power)


def decode(v):
    power = hl.fast_pow((hl.max(v, f(0.04045)) + f(0.055)) * f(1 / 1.055), f(2.4))
    return hl.select(v <= f(0.04045), v * f(1 / 12.92), power)


def to_hsv(rgb):
    r, g, b = rgb
    value, least = hl.max(r, hl.max(g, b)), hl.min(r, hl.min(g, b))
    span = value - least
    safe = hl.max(span, f(1e-9))
    turn = hl.select(value == r, (g - b) / safe, value == g, f(2) + (b - r) / safe, f(4) + (r - g) / safe)
    hue = hl.select(span > f(1e-9), hl.select(turn < 0, turn + 6, turn), f(0))
    return hue, span / hl.max(value, f(1e-9)), value


def sampled(table, hue, saturation, value):
    n, m, k = (table.dim(axis).extent() for axis in (3, 2, 1))
    h, s, v = hue * (f(n) / 6), hl.clamp(saturation, f(0), f(1)) * f(m - 1), hl.clamp(value, f(0), f(1)) * f(k - 1)
    i = hl.clamp(hl.i32(h), 0, n)
    j, low = hl.clamp(hl.i32(s), 0, m - 2), hl.clamp(hl.i32(v), 0, hl.max(k - 2, 0))
    fh, fs, fv = h - f(i), s - f(j), v - f(low)
    here, there = hl.select(i >= n, i - n, i), hl.select(i + 1 >= n, i + 1 - n, i + 1)
    here, there = hl.clamp(here, 0, n - 1), hl.clamp(there, 0, n - 1)
    high = hl.min(low + 1, k - 1)

    def at(channel):
        def plane(value_at):
            def row(j):
                one = table[channel, value_at, j, here]
                return one + fh * (table[channel, value_at, j, there] - one)

            one = row(j)
            return one + fs * (row(j + 1) - one)

        one = plane(low)
        return one + fv * (plane(high) - one)

    return [at(channel) for channel in range(3)]


@hl.generator(name="profile_map")
class ProfileMap:
    """camera float32 [H, W, 3]; to, back [3, 3]; table [hues, saturations, values, 3]; out as camera."""

    camera = hl.InputBuffer(hl.Float(32), 3)
    to = hl.InputBuffer(hl.Float(32), 2)
    back = hl.InputBuffer(hl.Float(32), 2)
    table = hl.InputBuffer(hl.Float(32), 4)
    limit = hl.InputScalar(hl.Float(32))
    encoded = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        column = hl.clamp(x, 0, g.camera.dim(1).extent() - 1)  # vectors may reach beyond the row
        pixel = [g.camera[k, column, y] for k in range(3)]
        seen, changed = hl.Func("seen"), hl.Func("changed")
        rgb = [hl.max(v, f(0)) for v in product(g.to, pixel)]
        hue, saturation, value = to_hsv(rgb)
        code = hl.select(g.encoded != 0, encode(value), value)
        seen[x, y] = hl.Tuple([hue, saturation, value, code])
        hue, saturation, value, code = (seen[x, y][k] for k in range(4))
        moved = hl.Func("moved")
        moved[x, y] = hl.Tuple(sampled(g.table, hue, saturation, code))
        shift, more, brighter = (moved[x, y][k] for k in range(3))
        turned = hue + shift * f(6 / 360) + f(12)
        turned = turned - f(6) * hl.floor(turned * f(1 / 6))
        pure = hl.clamp(saturation * more, f(0), f(1))
        on_curve = (g.encoded != 0) & (value < f(1))
        lit = hl.select(on_curve, decode(hl.min(code * brighter, f(1))), value * brighter)

        def channel(own):
            d = turned - f(own) + f(9)
            apart = hl.abs(d - f(6) * hl.floor(d * f(1 / 6)) - f(3))
            return lit * (1 - pure * hl.clamp(apart - 1, f(0), f(1)))

        change = product(g.back, [channel(own) - before for own, before in zip((0, 2, 4), rgb, strict=True)])
        top = hl.max(pixel[0], hl.max(pixel[1], pixel[2]))
        t = hl.clamp((top - g.limit) * (f(9) / g.limit), f(0), f(1))
        keep = 1 - t * t * (3 - 2 * t)
        changed[x, y] = hl.Tuple([p + keep * d for p, d in zip(pixel, change, strict=True)])
        at = changed[x, y]
        g.out[c, x, y] = hl.select(c == 0, at[0], c == 1, at[1], at[2])
        self.schedule(seen, moved, changed)

    def schedule(self, seen, moved, changed):
        """Rows in parallel; the steps of a vector of pixels one after the other. Loads from the table are the cost."""
        for pixels in (self.camera, self.out.output_buffer()):
            pixels.dim(0).set_bounds(0, 3).set_stride(1)
            pixels.dim(1).set_min(0).set_stride(3)
        xi = hl.Var("xi")
        self.out.bound(c, 0, 3).split(x, x, xi, LANES, hl.TailStrategy.GuardWithIf)
        self.out.reorder(c, xi, x, y).unroll(c).vectorize(xi).parallel(y, 8, hl.TailStrategy.GuardWithIf)
        for func in (seen, moved, changed):
            func.compute_at(self.out, x).vectorize(x, LANES)


if __name__ == "__main__":
    hl.main()
