"""Who of a file is lifted, and where: missing points, bad records, skeletons, pictures, units and axes."""

import json

import numpy as np
import pytest
from samples_keypoints import flat, make_points, standing

from datasets.keypoints import load_keypoints, read_keypoints
from utils.keypoints import Keypoints
from utils.skeleton import INDEX, SOURCES

COCO, BODY_25 = standing("coco_17"), standing("openpose_body_25")
KNEE = SOURCES["coco_17"].index("left_knee")
SIZE = (640, 480)


@pytest.fixture
def write(tmp_path):
    def write_json(content, name="people.json"):
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return path

    return write_json


def triples(person=COCO):
    return np.reshape(flat(person), (-1, 3)).tolist()


def moved(person, factor=1.0, shift=(0.0, 0.0)):
    return Keypoints(person.source, person.points_px * factor + shift, person.confidence)


def result(person=COCO, **more):
    return {"keypoints": flat(person), "category_id": 1, **more}


def openpose(person):
    return {"people": [{"pose_keypoints_2d": flat(person)}]}


@pytest.mark.parametrize(
    "hidden",
    [
        [0, 0, 0.42], [-1, -1, 0.9], [-1, -1, -1], [0, 0, 2], [float("nan"), float("nan"), 0.9], [float("nan"), 7, 1],
        [None, None, 0.9], None, [116, 210, 0], [116, 210, None], [116, 210, float("nan")], [float("inf"), 3, 1],
        [1e300, 3, 1],
    ],
)  # fmt: skip
def test_a_missing_knee_is_filled_in_the_demo_and_left_out_of_training(hidden, write):
    points = triples()
    points[KNEE] = hidden
    path = write([{"keypoints": points}, result()])
    person = min(read_keypoints(path), key=lambda person: person.confidence.min())
    joints = person.to_joints(0.0)
    assert np.isfinite(person.points_px).all()
    assert joints.filled[INDEX["left_knee"]] and joints.filled.sum() == 1
    assert joints.joints_px[INDEX["left_knee"]] == pytest.approx((116, 206), abs=1)
    poses = load_keypoints(path)
    assert len(poses) == 1 and poses.left_out == 1


@pytest.mark.parametrize(
    "hidden, kept", [(["left_ear"], 2), (["right_ear", "left_eye"], 2), (["left_ear", "right_ear"], 1)]
)
def test_of_people_seen_from_the_side_one_ear_is_enough_for_training(hidden, kept, write):
    points = triples()
    for name in hidden:
        points[SOURCES["coco_17"].index(name)] = [0, 0, 0]
    poses = load_keypoints(write([{"keypoints": points}, result()]))
    assert len(poses) == kept
    seen, whole = poses.poses_px["gt"][0], poses.poses_px["gt"][-1]
    limb, head = INDEX["left_knee"], INDEX["head"]
    assert seen[limb].tolist() == whole[limb].tolist()
    # Nobody's head is more than a head away from where both ears would have put it.
    assert np.linalg.norm(seen[head] - whole[head]) < np.linalg.norm(whole[head] - whole[INDEX["neck"]])


@pytest.mark.parametrize(
    "content",
    [
        lambda x, y, c: [{"keypoints": {"x": x, "y": y, "visible": c}}],
        lambda x, y, c: [{"keypoints": [[*pair] for pair in zip(x, y, strict=True)], "keypoint_scores": c}],
        lambda x, y, c: [{"keypoints": np.ravel(np.column_stack([x, y])).tolist()}],
        lambda x, y, c: {"keypoints": np.column_stack([x, y]).tolist(), "skeleton": "coco_17"},
        lambda x, y, c: {"people": [{"pose_keypoints_2d": np.ravel(np.column_stack([x, y, c])).tolist()}]},
    ],
)
def test_zeros_are_missing_in_every_layout(content, write):
    x, y = COCO.points_px.T.tolist()
    x[KNEE] = y[KNEE] = 0.0
    (person,) = read_keypoints(write(content(x, y, [0.4] * 17)))
    assert person.to_joints().filled[INDEX["left_knee"]]


@pytest.mark.parametrize(
    "bad",
    [
        {"keypoints": []}, {"keypoints": None}, {"keypoints": "x"}, {"keypoints": [1, 2, 3]}, {"keypoints": {"a": 1}},
        {"keypoints": flat(COCO)[:-1]}, {"keypoints": triples()[:4]}, {"keypoints": [[1, 2], 3]},
        {"keypoints": [["a", "b", "c"]] * 17}, {"keypoints": [0] * 51}, {"keypoints": [10**400] * 51}, 7,
    ],
)  # fmt: skip
@pytest.mark.parametrize("wrapped", [False, True])
def test_one_bad_record_is_left_out_and_counted(bad, wrapped, write):
    path = write({"annotations": [bad, result()]} if wrapped else [bad, result()])
    assert len(read_keypoints(path)) == 1
    poses = load_keypoints(path)
    assert len(poses) == 1 and poses.left_out == 1


def test_animals_and_boxes_are_no_people(write, capsys):
    path = write({
        "categories": [{"id": 1}, {"id": 2, "name": "dog", "keypoints": [f"paw{n}" for n in range(17)]}],
        "annotations": [result(), result(category_id=2), {"category_id": 3, "bbox": [0, 0, 9, 9]}],
    })  # fmt: skip
    assert len(read_keypoints(path)) == 1
    assert "1 of 2 records are left out" in capsys.readouterr().err


@pytest.mark.parametrize("skeleton", ["openpose_body_25", "openpose_body_25b", "h36m_17", "coco_17"])
@pytest.mark.parametrize("turn_deg", [0, 90, 200])
def test_anatomy_tells_orders_of_one_length_apart(skeleton, turn_deg, tmp_path, capsys):
    turn = np.deg2rad(turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = standing(skeleton).points_px @ rotation.T + 500
    np.save(tmp_path / "a.npy", points)
    (person,) = read_keypoints(tmp_path / "a.npy")
    assert person.source == skeleton
    assert f"are taken for {skeleton}" in capsys.readouterr().err


LSP = [
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow"),
    *("right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck_base", "head_top"),
]


def in_order(skeleton, names):
    points = make_points(12, skeleton)
    return points[:, [SOURCES[skeleton].index(name) for name in names]]


def hidden_body(points, visible):
    points[:, visible:] = 0
    return points


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (in_order("crowdpose_14", LSP), "14 points a person in the order of crowdpose_14 or .* look like no body"),
        (make_points(3, "ai_challenger_14"), "may be ai_challenger_14 or crowdpose_14; give --skeleton"),
        (make_points(3, "coco_17")[:, ::-1], "look like no body; give the right --skeleton"),
        (hidden_body(make_points(1, "openpose_body_25"), 5), "openpose_body_25 or openpose_body_25b; give --skeleton"),
        (hidden_body(make_points(1, "h36m_17"), 4), "h36m_17 or coco_17; give --skeleton"),
        (np.ones((1, 21, 3)), "21 points a person do not tell the skeleton; give --skeleton"),
    ],
)
def test_what_anatomy_cannot_tell_needs_the_flag(points, message, tmp_path):
    np.savez(tmp_path / "a.npz", keypoints=points)
    for read in (read_keypoints, load_keypoints):
        with pytest.raises(ValueError, match=message):
            read(tmp_path / "a.npz")


def test_the_users_word_wins_over_a_guess_and_the_files_names_over_both(write, capsys):
    path = write([result()])
    assert read_keypoints(path, skeleton="h36m_17")[0].source == "h36m_17"
    assert capsys.readouterr().err == ""
    named = {"categories": [{"id": 1, "keypoints": list(SOURCES["coco_17"])}], "annotations": [result()]}
    assert read_keypoints(write(named), skeleton="h36m_17")[0].source == "coco_17"
    assert "--skeleton h36m_17 is not used" in capsys.readouterr().err
    named["categories"][0]["keypoints"] = [f"point {number}" for number in range(17)]
    assert read_keypoints(write(named), skeleton="h36m_17")[0].source == "h36m_17"
    with pytest.raises(ValueError, match=r"point 0, point 1.* do not make up a known skeleton"):
        read_keypoints(write(named))
    with pytest.raises(ValueError, match="unknown skeleton 'dog'"):
        read_keypoints(path, skeleton="dog")


def test_named_limbs_are_enough_for_the_demo(write):
    names = [name for name in SOURCES["coco_17"] if "ear" not in name and "eye" not in name]
    points = [triples()[SOURCES["coco_17"].index(name)] for name in names]
    path = write({"categories": [{"id": 1, "keypoints": names}], "annotations": [{"keypoints": points}]})
    (person,) = read_keypoints(path)
    assert person.source == "coco_17" and person.to_joints().filled[INDEX["head"]]
    with pytest.raises(ValueError, match="no person with all the points"):
        load_keypoints(path)


def test_a_contorted_person_in_coco_s_layout_is_lifted_with_a_note_but_another_order_is_refused(write, capsys):
    points = np.array(triples())
    swapped = points[np.random.default_rng(1).permutation(17)]
    assert len(read_keypoints(write([{"keypoints": swapped.tolist()}]))) == 1
    assert "do not look like bodies" in capsys.readouterr().err
    for records in ([result(standing("h36m_17"))], [{"keypoints": swapped.tolist()}] * 12):
        with pytest.raises(ValueError, match="in the order of coco_17 look like no body; give the right --skeleton"):
            read_keypoints(write(records))


def album(*names):
    """COCO's layout, the person of each picture 100 pixels to the right of the one before."""
    return {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(names)],
        "annotations": [result(moved(COCO, 1, (100 * n, 0)), image_id=n) for n in range(len(names))],
    }


def results(*ids):
    return [result(moved(COCO, 1, (100 * n, 0)), image_id=image) for n, image in enumerate(ids)]


@pytest.mark.parametrize(
    ("content", "picture"),
    [
        (album("a.jpg", "b.jpg"), "b.jpg"),
        (album("train/a.jpg", "train/b.jpg"), "b.jpg"),
        (album("images\\a.jpg", "images\\b.jpg"), "b.jpg"),
        (album("C:\\data\\a.jpg", "C:\\data\\b.jpg"), "elsewhere/b.jpg"),
        (album("./a.jpg", "./b.jpg"), "./b.jpg"),
        (album("train/a.jpg", "val/a.jpg"), "data/val/a.jpg"),
        (album("train\\a.jpg", "val\\a.jpg"), "data/val/a.jpg"),
        (album("a.jpg", "B.JPG"), "b.jpg"),
        (album("B.jpg", "b.jpg"), "b.jpg"),
        (album("a.png", "b.png"), "b.jpg"),
        (album("ab.jpg", "b.jpg"), "b.jpg"),
        (results("a.jpg", "b.jpg"), "b.jpg"),
        (results("a", "b"), "b.jpg"),
        (results(285, 139), "000000000139.jpg"),
        (results("0.jpg", "12.jpg"), "12.jpg"),
        ({name: openpose(moved(BODY_25, 1, (x, 0))) for name, x in (("a.jpg", 0), ("b.jpg", 100))}, "b.jpg"),
    ],
)
def test_the_picture_gets_its_own_person(content, picture, write):
    (person,) = read_keypoints(write(content), picture)
    assert person.points_px[0].tolist() == [200, 20]


@pytest.mark.parametrize(
    ("content", "picture", "message"),
    [
        (album("a.jpg"), "b.jpg", r"has no people of b.jpg, only of a.jpg$"),
        (album("a.jpg", "c.jpg"), "b.jpg", r"has no people of b.jpg, only of a.jpg, c.jpg$"),
        (results("a.jpg"), "x/b.jpg", r"has no people of b.jpg, only of a.jpg$"),
        (results(139), "000000000285.jpg", r"has no people of 000000000285.jpg, only of 139$"),
        ({"images": [{"id": 7.0, "file_name": "a.jpg"}], "annotations": results(7)}, "b.jpg", r"only of a.jpg$"),
        ({"images": [{"id": 7, "file_name": "b.jpg"}], "annotations": results(9)}, "b.jpg", r"not list \(9\)$"),
        (album("train/a.jpg", "val/a.jpg"), "a.jpg", r"several pictures that may be a.jpg: train/a.jpg, val/a.jpg"),
        (results(1, 2), "b.jpg", "tells only their numbers: 1, 2"),
        ([{"frame_id": n, "instances": [{"keypoints": triples(), "keypoint_scores": [1] * 17}]} for n in (0, 1)],
         "b.jpg", "tells only their numbers: 0, 1"),
    ],
)  # fmt: skip
def test_a_file_about_other_pictures_is_an_error(content, picture, message, write):
    with pytest.raises(ValueError, match=message):
        read_keypoints(write(content), picture)


@pytest.mark.parametrize(("name", "said"), [("b.jpg", ""), ("b", ""), ("b.JPG", ""), ("b.png", "has people of b.png")])
def test_another_ending_is_said(name, said, write, capsys):
    assert len(read_keypoints(write(results(name)), "b.jpg")) == 1
    error = capsys.readouterr().err
    assert said in error if said else error == ""


def test_all_people_of_a_picture_come_largest_first_with_their_scores(write):
    people = [result(moved(COCO, factor), image_id="a.jpg", score=factor / 4) for factor in (1, 3, 2)]
    found = read_keypoints(write([*people, result(image_id="b.jpg")]), "a.jpg")
    assert [person.score for person in found] == [0.75, 0.5, 0.25]


def in_shares(person):
    return moved(person, 1 / np.array(SIZE))


@pytest.mark.parametrize(
    "content",
    [
        openpose(in_shares(BODY_25)),
        [result(in_shares(COCO))],
        [{"keypoints": {"x": (COCO.points_px[:, 0] / 640).tolist(), "y": (COCO.points_px[:, 1] / 480).tolist()}}],
        [[{"x": x / 640, "y": y / 480, "visibility": 1} for x, y in standing("blazepose_33").points_px.tolist()]],
        {"images": [{"id": 0, "file_name": "a.jpg", "width": 640, "height": 480}],
         "annotations": [result(in_shares(COCO), image_id=0)]},
    ],
)  # fmt: skip
def test_shares_of_the_picture_are_scaled_by_its_size(content, write, capsys):
    (person,) = read_keypoints(write(content), "a.jpg", SIZE)
    assert person.points_px[0] == pytest.approx((100, 20))
    assert "shares of the picture" in capsys.readouterr().err
    if "images" in content:
        assert load_keypoints(write(content)).poses_px["gt"][0, 0].tolist() == pytest.approx([100, 143.4], abs=0.1)
    else:
        for read in (read_keypoints, load_keypoints):
            with pytest.raises(ValueError, match="coordinates from 0 to 1 need the picture's size"):
                read(write(content))


def landmarks(points):
    return [{"x": x, "y": y, "z": 0, "visibility": 0.9} for x, y in points.tolist()]


def test_mediapipe_s_shares_go_on_below_the_picture_but_metres_are_refused(write):
    points = standing("blazepose_33").points_px
    (person,) = read_keypoints(write(landmarks(points / (640, 200))), "a.jpg", (640, 200))
    np.testing.assert_allclose(person.points_px, points)
    with pytest.raises(ValueError, match="are no pixels"):
        read_keypoints(write(landmarks((points - (100, 150)) / 150)), "a.jpg", SIZE)


def handstand(person):
    return Keypoints(person.source, (200, 300) - person.points_px, person.confidence)


def y_up(person):
    return Keypoints(person.source, (0, 300) + person.points_px * (1, -1), person.confidence)


@pytest.mark.parametrize(
    ("person", "message"),
    [
        (moved(COCO, 0.005, (-0.5, -0.5)), "are no pixels; give pixels"),
        (moved(COCO, 0.006), "are no pixels; give pixels"),
        (moved(COCO, (1, -1)), "all y are negative, so y points up"),
        (y_up(COCO), "stand on their heads, so y points up"),
        (y_up(BODY_25), "stand on their heads, so y points up"),
    ],
)
def test_units_and_axes_that_are_not_those_of_pictures(person, message, write):
    content = [result(person)] if person.source == "coco_17" else openpose(person)
    for read in (lambda path: read_keypoints(path, "a.jpg", SIZE), load_keypoints):
        with pytest.raises(ValueError, match=message):
            read(write(content))


def test_one_may_stand_on_one_s_hands_but_not_everyone(write, capsys):
    assert len(read_keypoints(write([result(handstand(COCO))]), "a.jpg", SIZE)) == 1
    assert "on their heads" in capsys.readouterr().err
    with pytest.raises(ValueError, match="y points up"):
        load_keypoints(write([result(handstand(COCO))] * 12))


@pytest.mark.parametrize("factor", [1, -1])
def test_people_with_left_and_right_swapped_are_said(factor, write, capsys):
    load_keypoints(write([result(moved(COCO, (factor, 1), (300, 0)))] * 12))
    assert ("are left and right swapped?" in capsys.readouterr().err) == (factor == -1)


@pytest.mark.parametrize(
    ("person", "size", "said"),
    [
        (moved(COCO, 1, (5000, 0)), None, "17 points lie far outside the picture of 640 x 480"),
        (moved(COCO, 4), None, "points lie far outside"),
        (COCO, [640, 480], None),
        (moved(COCO, 2), [1280, 960], "of 1280 x 960 pixels, not 640 x 480; its points are scaled by 0.5"),
        (COCO, [480, 640], "of 480 x 640 pixels, not 640 x 480; is it the same picture"),
    ],
)
def test_pictures_of_another_size_are_said(person, size, said, write, capsys):
    image = {"id": 0, "file_name": "a.jpg"} | (dict(zip(("width", "height"), size, strict=True)) if size else {})
    (found,) = read_keypoints(write({"images": [image], "annotations": [result(person, image_id=0)]}), "a.jpg", SIZE)
    error = capsys.readouterr().err
    assert said in error if said else error == ""
    if said and "scaled" in said:
        assert np.allclose(found.points_px, COCO.points_px)
