import numpy as np
import pytest

from utils.drawing.poses import BONE_RADII, SIDE_RGB, draw_pose_2d, draw_pose_3d, turntable
from utils.skeleton import INDEX, JOINTS, MIRROR, SIDE_COLOURS

STANDING = {
    "hip": (0, 0, 0), "right_hip": (-0.3, 0, 0), "right_knee": (-0.3, 1, 0), "right_foot": (-0.3, 2, 0),
    "left_hip": (0.3, 0, 0), "left_knee": (0.3, 1, 0), "left_foot": (0.3, 2, 0), "spine": (0, -0.6, 0),
    "thorax": (0, -1.2, 0), "neck": (0, -1.5, 0), "head": (0, -1.8, 0), "left_shoulder": (0.5, -1.1, 0),
    "left_elbow": (0.9, -0.5, 0), "left_wrist": (1.2, 0.1, 0), "right_shoulder": (-0.5, -1.1, 0),
    "right_elbow": (-0.9, -0.5, 0), "right_wrist": (-1.2, 0.1, 0),
}  # fmt: skip


@pytest.fixture
def facing_camera():
    """A standing person who faces the camera: the left side is at positive x, on the right of the picture."""
    return np.array([STANDING[name] for name in JOINTS], dtype=float)


def columns(picture, side):
    """Mean column and count of the pixels in which one colour of red and blue clearly leads."""
    red, blue = picture[..., 0].astype(int), picture[..., 2].astype(int)
    lead = blue - red > 60 if side == "left" else red - blue > 60
    return np.nonzero(lead)[1].mean(), lead.sum()


def test_colours_are_those_of_the_skeleton():
    assert "#{:02x}{:02x}{:02x}".format(*SIDE_RGB["left"]) == SIDE_COLOURS["left"]


def test_left_limbs_are_as_thick_as_right_ones():
    children = [name for name in JOINTS if name != "hip"]
    for number, name in enumerate(children):
        assert (BONE_RADII[number] == BONE_RADII[children.index(JOINTS[MIRROR[INDEX[name]]])]).all()


def test_2d_left_is_blue_and_right_is_red(facing_camera):
    picture = draw_pose_2d(np.full((200, 200, 3), 128, np.uint8), facing_camera[:, :2] * 40 + 100)
    assert columns(picture, "left")[0] > 110
    assert columns(picture, "right")[0] < 90


def test_2d_leaves_the_photo_alone(facing_camera):
    photo = np.full((200, 200, 3), 128, np.uint8)
    drawn = draw_pose_2d(photo, facing_camera[:, :2] * 40 + 100)
    assert (photo == 128).all()
    assert (drawn[:10] == 128).all()


def test_2d_filled_limbs_are_paler(facing_camera):
    photo, points = np.full((200, 200, 3), 128, np.uint8), facing_camera[:, :2] * 40 + 100
    filled = np.array([name == "left_wrist" for name in JOINTS])
    middle = ((points[INDEX["left_elbow"]] + points[INDEX["left_wrist"]]) / 2).astype(int)
    colour = SIDE_RGB["left"]
    sure, guessed = (draw_pose_2d(photo, points, which)[middle[1], middle[0]] for which in (~filled & filled, filled))
    assert np.abs(sure - colour.astype(int)).sum() < np.abs(guessed - colour.astype(int)).sum()


def test_2d_points_far_outside_leave_a_picture_of_the_same_size(facing_camera):
    drawn = draw_pose_2d(np.zeros((50, 60, 3), np.uint8), facing_camera[:, :2] * 1e4)
    assert drawn.shape == (50, 60, 3) and drawn.dtype == np.uint8


def test_3d_from_the_front_shows_left_on_the_right_and_from_behind_the_reverse(facing_camera):
    for azimuth, sign in ((0, 1), (15, 1), (165, -1), (180, -1)):
        picture = draw_pose_3d(facing_camera, azimuth, 240)
        assert np.sign(columns(picture, "left")[0] - columns(picture, "right")[0]) == sign


def test_3d_stands_upright(facing_camera):
    picture = draw_pose_3d(facing_camera, 0, 240)
    dark = picture.max(axis=2) < 110
    rows = np.nonzero(dark)[0]
    assert rows.min() < 60, "the head is at the top"
    assert np.nonzero((picture[..., 0].astype(int) - picture[..., 2]) > 60)[0].max() > 190, "the feet are at the bottom"


def test_3d_picture_does_not_depend_on_the_unit(facing_camera):
    first, second = draw_pose_3d(facing_camera, 30, 200), draw_pose_3d(facing_camera * 850 + 40, 30, 200)
    assert np.abs(first.astype(int) - second).max() <= 2


def test_3d_axes_are_equal(facing_camera):
    """A stick of one length covers as many pixels across as up, and does not reach over the edge when turned."""
    wide = facing_camera.copy()
    wide[INDEX["left_wrist"]], wide[INDEX["right_wrist"]] = (1.9, -1.1, 0), (-1.9, -1.1, 0)
    wide[INDEX["left_elbow"]], wide[INDEX["right_elbow"]] = (1.2, -1.1, 0), (-1.2, -1.1, 0)
    picture = draw_pose_3d(wide, 0, 300)
    coloured = np.abs(picture[..., 0].astype(int) - picture[..., 2]) > 60
    rows, columns_ = np.nonzero(coloured)
    assert np.ptp(columns_) / np.ptp(rows) == pytest.approx(3.8 / 3.1, rel=0.1)


def test_3d_filled_limbs_are_paler(facing_camera):
    filled = np.array([name.startswith("left") for name in JOINTS])
    assert columns(draw_pose_3d(facing_camera, 0, 200), "left")[1] > 200
    assert (
        columns(draw_pose_3d(facing_camera, 0, 200, filled), "left")[1]
        < columns(draw_pose_3d(facing_camera, 0, 200), "left")[1]
    )


def test_3d_shared_backdrop_is_not_drawn_on(facing_camera):
    first = draw_pose_3d(facing_camera, 20, 160)
    draw_pose_3d(facing_camera * [-1, 1, 1], 20, 160)
    assert (draw_pose_3d(facing_camera, 20, 160) == first).all()


@pytest.mark.parametrize("pose", [np.zeros((17, 3)), np.ones((17, 3)) * 5])
def test_3d_of_no_size_is_drawn(pose):
    assert draw_pose_3d(pose, 0, 64).shape == (64, 64, 3)


@pytest.mark.parametrize("pose", [np.zeros((16, 3)), np.full((17, 3), np.nan)])
def test_3d_refuses_what_is_no_pose(pose):
    with pytest.raises(ValueError, match=r"finite pose of shape \(17, 3\)"):
        draw_pose_3d(pose)


def test_turntable_begins_with_the_cameras_view_and_turns(facing_camera):
    frames = turntable(facing_camera, frames=4, size_px=96)
    assert len(frames) == 4
    assert (frames[0] == draw_pose_3d(facing_camera, 0, 96)).all()
    assert (frames[2] == draw_pose_3d(facing_camera, 180, 96)).all()
