import numpy as np
import pytest

from utils.drawing.raster import blend_lines, shade_limb

RED = np.array([200.0, 20, 20])
BLUE = np.array([20.0, 20, 200])


def canvas(side=40):
    return np.zeros((side, side, 3), np.uint8)


def maps(side=60):
    return np.zeros((side, side, 3), np.float32), np.full((side, side), np.inf, np.float32)


def test_line_covers_its_radius_and_nothing_further():
    picture = canvas()
    blend_lines(picture, np.array([10.0, 20]), np.array([30.0, 20]), ((3, RED, 1.0),))
    assert picture[20, 20].tolist() == RED.tolist()
    assert picture[22, 20].tolist() == RED.tolist()
    assert picture[25:, :].max() == 0
    assert picture[:, :6].max() == 0


def test_line_is_smooth_at_its_edge():
    picture = canvas()
    blend_lines(picture, np.array([10.0, 20]), np.array([30.0, 20]), ((3.2, RED, 1.0),))
    assert 0 < picture[23, 20, 0] < RED[0]


@pytest.mark.parametrize("place", [(-100.0, 5.0), (5.0, 400.0), (-1e5, -1e5)])
def test_line_outside_the_picture_changes_nothing(place):
    picture = canvas()
    blend_lines(picture, np.array(place), np.array(place), ((4, RED, 1.0),))
    assert picture.max() == 0


def test_line_across_the_border_is_clipped():
    picture = canvas()
    blend_lines(picture, np.array([-50.0, 20]), np.array([90.0, 20]), ((2, RED, 1.0),))
    assert (picture[20] == RED).all()


def test_nearer_limb_hides_the_farther_one_whatever_the_order():
    near, far = (np.array([10.0, 30, 0]), np.array([50.0, 30, 0])), (np.array([30.0, 10, 40]), np.array([30.0, 50, 40]))
    for order in ((near, far), (far, near)):
        colours, depths = maps()
        for limb in order:
            shade_limb(colours, depths, *limb, (5.0, 5.0), RED if limb is near else BLUE)
        assert colours[30, 30, 0] > colours[30, 30, 2]
        assert colours[15, 30, 2] > colours[15, 30, 0]


def test_limb_is_lit_from_above():
    colours, depths = maps()
    shade_limb(colours, depths, np.array([10.0, 30, 0]), np.array([50.0, 30, 0]), (8.0, 8.0), RED)
    assert colours[25, 30].sum() > 1.2 * colours[35, 30].sum()


def test_limb_is_as_thick_as_its_radii():
    colours, depths = maps()
    shade_limb(colours, depths, np.array([10.0, 30, 0]), np.array([50.0, 30, 0]), (10.0, 4.0), RED)
    thick = np.isfinite(depths).sum(axis=0)
    assert thick[11] == pytest.approx(20, abs=2)
    assert thick[49] == pytest.approx(8, abs=2)
