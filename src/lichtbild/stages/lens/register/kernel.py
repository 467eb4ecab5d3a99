"""A mosaic whose red and blue are brought to where green is, before anybody compares the colours."""

import halide as hl
from halide_common import total

x, y, u = hl.Var("x"), hl.Var("y"), hl.Var("u")
yo, yi = hl.Var("yo"), hl.Var("yi")
GUARD = hl.TailStrategy.GuardWithIf
STEP = 16  # px from node to node of the displacement
MOST_PX = 8
STRIP = 64  # rows a task
FLOOR = 1e-5  # of a squared slope: white-balanced light


@hl.generator(name="lens_register")
class LensRegister:
    """mosaic float32 [H, W]; grid float32 [ceil(H/16)+2, ceil(W/16)+2, 2 colours, 2]: displacement x, y in px at
    (16 i, 16 j) of what red (blue) shows, against where green shows it; gains of red and blue that make grey even;
    row and column of red in a cell of 2 x 2 -> mosaic [H, W]. See reference.py."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    grid = hl.InputBuffer(hl.Float(32), 4)
    red_gain = hl.InputScalar(hl.Float(32))
    blue_gain = hl.InputScalar(hl.Float(32))
    red_row = hl.InputScalar(hl.Int(32))
    red_column = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        raw = hl.BoundaryConditions.mirror_interior(g.mosaic)
        # A row has red or blue, at every other site; the other sites are green.
        is_blue = (y + g.red_row) & 1
        column = (g.red_column + is_blue) & 1
        gain = hl.select(is_blue == 0, g.red_gain, g.blue_gain)

        steep_x, steep_y, green = hl.Func("steep_x"), hl.Func("steep_y"), hl.Func("green")
        steep_x[x, y] = hl.abs(raw[x + 1, y] - raw[x - 1, y])
        steep_y[x, y] = hl.abs(raw[x, y + 1] - raw[x, y - 1])
        weights = []
        for steep in (steep_x, steep_y):
            mean = total(steep[x + i, y + j] for i in (-1, 0, 1) for j in (-1, 0, 1)) * hl.f32(1 / 9)
            weights.append(hl.f32(1) / (mean * mean + hl.f32(FLOOR)))
        across, down = (raw[x - 1, y] + raw[x + 1, y]) / 2, (raw[x, y - 1] + raw[x, y + 1]) / 2
        between = (across * weights[0] + down * weights[1]) / (weights[0] + weights[1])
        green[x, y] = hl.select(((x ^ column) & 1) == 0, between, raw[x, y])

        def displaced(at_x, n):
            i, j = (
                hl.clamp(at_x / STEP, 0, g.grid.dim(2).extent() - 2),
                hl.clamp(y / STEP, 0, g.grid.dim(3).extent() - 2),
            )
            fx, fy = hl.f32(at_x - i * STEP) * hl.f32(1 / STEP), hl.f32(y - j * STEP) * hl.f32(1 / STEP)
            top = g.grid[n, is_blue, i, j] * (1 - fx) + g.grid[n, is_blue, i + 1, j] * fx
            low = g.grid[n, is_blue, i, j + 1] * (1 - fx) + g.grid[n, is_blue, i + 1, j + 1] * fx
            return hl.clamp(top * (1 - fy) + low * fy, hl.f32(-MOST_PX), hl.f32(MOST_PX))

        # What red shows at a site, less green where green shows the same.
        difference = hl.Func("difference")
        site = 2 * u + column
        dx, dy = displaced(site, 0), displaced(site, 1)
        ix, iy = (
            hl.clamp(hl.i32(hl.floor(-dx)), -MOST_PX - 1, MOST_PX),
            hl.clamp(hl.i32(hl.floor(-dy)), -MOST_PX - 1, MOST_PX),
        )
        wx, wy = cubic(-dx - hl.f32(ix)), cubic(-dy - hl.f32(iy))
        shown = total(
            wy[j] * total(wx[i] * green[site + ix + i - 1, y + iy + j - 1] for i in range(4)) for j in range(4)
        )
        difference[u, y] = raw[site, y] * gain - shown

        # The same difference where red is wanted, between four sites of red.
        moved = hl.Func("moved")
        px, py = dx * hl.f32(0.5), dy * hl.f32(0.5)
        half = (MOST_PX + 1) // 2
        jx, jy = (hl.clamp(hl.i32(hl.floor(p)), -half - 1, half) for p in (px, py))
        fx, fy = px - hl.f32(jx), py - hl.f32(jy)
        upper = difference[u + jx, y + 2 * jy] * (1 - fx) + difference[u + jx + 1, y + 2 * jy] * fx
        lower = difference[u + jx, y + 2 * jy + 2] * (1 - fx) + difference[u + jx + 1, y + 2 * jy + 2] * fx
        moved[u, y] = (green[site, y] + upper * (1 - fy) + lower * fy) / gain

        g.out[x, y] = hl.select(((x ^ column) & 1) == 0, moved[(x - column) / 2, y], g.mosaic[x, y])

        g.mosaic.dim(0).set_min(0)
        g.mosaic.dim(1).set_min(0)
        g.out.output_buffer().dim(0).set_min(0)
        g.out.output_buffer().dim(1).set_min(0)
        g.out.split(y, yo, yi, STRIP, GUARD).parallel(yo).vectorize(x, 16, GUARD)
        moved.compute_at(g.out, yi).vectorize(u, 16)
        difference.compute_at(g.out, yo).vectorize(u, 16)
        green.compute_at(g.out, yo).vectorize(x, 16)
        for steep in (steep_x, steep_y):
            steep.compute_at(green, y).store_at(g.out, yo).vectorize(x, 16)


def cubic(f):
    """Catmull-Rom weights of samples -1, 0, 1, 2 at f."""
    half = hl.f32(0.5)
    return [
        half * f * (f * (hl.f32(2) - f) - hl.f32(1)),
        hl.f32(1) + half * f * f * (hl.f32(3) * f - hl.f32(5)),
        half * f * (hl.f32(1) + f * (hl.f32(4) - hl.f32(3) * f)),
        half * f * f * (f - hl.f32(1)),
    ]


if __name__ == "__main__":
    hl.main()
