import numpy as np
import pytest
from samples_motions import RATE, walking

from utils.export3d.placing import TO_Y_UP, hips_seen, rays_of

INTRINSICS = (900.0, 950.0, 640.0, 360.0)
SEEN = np.ones((50, 17), bool)


def seen_from_a_camera(joints_cam, tilt_deg=0.0):
    """Pixels (T, 17, 2) of joints (T, 17, 3) in metres and level axes (y down) from a camera that looks down."""
    cosine, sine = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    x, y, z = np.moveaxis(joints_cam, -1, 0)
    y, z = cosine * y - sine * z, sine * y + cosine * z
    return np.stack([INTRINSICS[0] * x / z + INTRINSICS[2], INTRINSICS[1] * y / z + INTRINSICS[3]], axis=-1)


@pytest.mark.parametrize("tilt_deg", [0.0, 20.0])
def test_a_person_is_where_the_picture_shows_them(tilt_deg):
    path = np.stack([np.linspace(-1, 1, 90), np.full(90, 0.3), np.linspace(4, 5, 90)], axis=-1)
    poses = 1.8 * walking(90)
    pixels = seen_from_a_camera(poses + path[:, None], tilt_deg)
    rays = np.stack([rays_of(joints_px, INTRINSICS, tilt_deg) for joints_px in pixels])
    hips = hips_seen(poses * TO_Y_UP, rays, np.ones((90, 17), bool), RATE)
    assert hips[30:-30] == pytest.approx((path * TO_Y_UP)[30:-30], abs=1e-6)
    assert hips == pytest.approx(path * TO_Y_UP, abs=0.15), "smoothing shortens the ends"


def test_joints_that_were_not_seen_do_not_count():
    poses, place = 1.8 * walking(), np.array([0.4, 0.2, 4.0])
    pixels = seen_from_a_camera(poses + place)
    pixels[:, 3:7] += 500
    seen = SEEN.copy()
    seen[:, 3:7] = False
    rays = np.stack([rays_of(joints_px, INTRINSICS, 0.0) for joints_px in pixels])
    assert hips_seen(poses * TO_Y_UP, rays, seen, RATE) == pytest.approx(np.tile(place * TO_Y_UP, (50, 1)), abs=1e-6)


def test_distance_does_not_tremble_with_the_size():
    poses, place = 1.8 * walking(), np.array([0.0, 0.0, 4.0])
    rays = np.stack([rays_of(joints_px, INTRINSICS, 0.0) for joints_px in seen_from_a_camera(poses + place)])
    sizes = np.random.default_rng(0).uniform(0.97, 1.03, 50)
    z = hips_seen(poses * sizes[:, None, None] * TO_Y_UP, rays, SEEN, RATE)[:, 2]
    assert z == pytest.approx(np.full(50, -4.0), abs=0.1)
    assert np.abs(np.diff(z)).max() < 0.1 * np.abs(np.diff(4 * sizes)).max()
