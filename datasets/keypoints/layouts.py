"""The layouts of JSON files with keypoints, a function each: it yields records, or returns None for another layout."""

from collections.abc import Callable, Iterator
from typing import Any

from .records import Record, size_of

Layout = Callable[[Any], Iterator[Record] | None]
LAYOUTS: list[Layout] = []
COCO = ("coco_17",)
OPENPOSE = ("openpose_body_25", "openpose_body_25b", "openpose_coco_18", "openpose_mpi_15", "coco_17")
OPENPOSE_KEYS = ("pose_keypoints_2d", "pose_keypoints", "joints", "keypoints")
"""OpenPose's, OpenPose's up to 1.1, AlphaPose's "cmu" format, and that of tools that imitate them."""


def layout(function: Layout) -> Layout:
    """Registers a layout; the order of the file is that in which they are tried."""
    LAYOUTS.append(function)
    return function


def records_in(content: Any) -> Iterator[Record] | None:
    """The records of a JSON file, or None if no layout fits."""
    tried = (function(content) for function in LAYOUTS)
    return next((records for records in tried if records is not None), None)


def _dicts(entries: Any) -> list[dict[str, Any]]:
    """The dictionaries in a list."""
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _keys(value: Any) -> set[str]:
    return set(value) if isinstance(value, dict) else set()


def _some_have(entries: Any, *keys: str) -> bool:
    """Whether this is a list of dictionaries, at least one of which has these keys."""
    return isinstance(entries, list) and any(all(key in entry for key in keys) for entry in _dicts(entries))


@layout
def openpose(content: Any) -> Iterator[Record] | None:
    """{"people": [{"pose_keypoints_2d": [x, y, score, ...]}]}; AlphaPose's "cmu" has "bodies" with "joints".

    ControlNet's and DWPose's editors give the size of the picture too, and may write a list with an entry a picture.
    """
    pictures = content if _some_have(content, "people") else [content]
    if not any(isinstance(_people_of(picture), list) for picture in pictures):
        return None
    numbered = len(pictures) > 1
    return (
        record for number, picture in enumerate(pictures)
        for record in _openpose_people(_people_of(picture), number if numbered else None, _canvas(picture))
    )  # fmt: skip


def _people_of(picture: Any) -> Any:
    return picture.get("people", picture.get("bodies")) if isinstance(picture, dict) else None


def _canvas(picture: Any) -> tuple[float, float] | None:
    """Size of the picture that ControlNet's points are in."""
    return size_of(picture.get("canvas_width"), picture.get("canvas_height")) if isinstance(picture, dict) else None


def _openpose_people(
    people: Any, image: str | int | None = None, size_px: tuple[float, float] | None = None
) -> Iterator[Record]:
    for person in _dicts(people):
        key = next((key for key in OPENPOSE_KEYS if key in person), None)
        yield Record(person[key] if key else None, image=image, size_px=size_px, usual=OPENPOSE)


@layout
def alphapose_pictures(content: Any) -> Iterator[Record] | None:
    """AlphaPose's "open" and "cmu" formats of many pictures: {"name.jpg": {"people" or "bodies": [...]}}."""
    if not isinstance(content, dict) or not content:
        return None
    pictures = {name: _people_of(value) for name, value in content.items() if isinstance(value, dict)}
    if len(pictures) < len(content) or not all(isinstance(people, list) for people in pictures.values()):
        return None
    return (record for name, people in pictures.items() for record in _openpose_people(people or [], name))


@layout
def coco(content: Any) -> Iterator[Record] | None:
    """COCO's annotations, as COCO-WholeBody, CrowdPose, PoseTrack and annotators write them too."""
    if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
        return None
    images = {str(_reference(image.get("id"))): image for image in _dicts(content.get("images"))}
    names = {str(entry.get("id")): _names(entry.get("keypoints")) for entry in _dicts(content.get("categories"))}
    return (
        _coco_record(entry, images, names) for entry in content["annotations"]
        if (isinstance(entry, dict) and "keypoints" in entry) or not isinstance(entry, dict)
    )  # fmt: skip


def _coco_record(entry: Any, images: dict[str, Any], names: dict[str, Any]) -> Record:
    if not isinstance(entry, dict):
        return Record(None)
    number = _reference(entry.get("image_id"))
    image = images.get(str(number), {})
    name = next((image[key] for key in ("file_name", "name", "path") if isinstance(image.get(key), str)), number)
    if images and not image and number is not None:
        name = f"an image_id that it does not list ({number})"
    size = size_of(image.get("width"), image.get("height"))
    only = next(iter(names.values())) if len(names) == 1 else None
    return Record(entry["keypoints"], entry.get("keypoint_scores"), entry.get("score"), name, size,
                  names.get(str(entry.get("category_id")), only), usual=COCO)  # fmt: skip


def _reference(image: Any) -> str | int | None:
    """Name or number of a picture; some tools write whole numbers as 7.0."""
    if isinstance(image, float) and image.is_integer():
        return int(image)
    return image if isinstance(image, str | int) and not isinstance(image, bool) else None


def _names(names: Any) -> tuple[str, ...] | None:
    """Names of points, given as a list or numbered."""
    if isinstance(names, dict) and names and all(str(key).isdecimal() for key in names):
        names = [names[key] for key in sorted(names, key=int)]
    return tuple(names) if isinstance(names, list) and names and all(isinstance(n, str) for n in names) else None


@layout
def hrnet_mpii(content: Any) -> Iterator[Record] | None:
    """MPII as HRNet and MMPose share it: [{"image", "joints": [[x, y], ...], "joints_vis": [...]}]."""
    if not _some_have(content, "joints"):
        return None
    return (Record(entry.get("joints"), entry.get("joints_vis"), image=_reference(entry.get("image")),
                   usual=("mpii_16",)) for entry in _dicts(content))  # fmt: skip


@layout
def hourglass_mpii(content: Any) -> Iterator[Record] | None:
    """MPII as training code for stacked hourglasses shares it: [{"joint_self": [[x, y, visible], ...]}]."""
    people = content.get("root") if isinstance(content, dict) else content
    if not _some_have(people, "joint_self"):
        return None
    # A visibility of 0 beside numbers means an occluded joint.
    return (Record(_first_two(entry.get("joint_self")), image=_reference(entry.get("img_paths")), usual=("mpii_16",))
            for entry in _dicts(people) if str(entry.get("dataset", "MPI")).upper().startswith("MPI"))  # fmt: skip


def _first_two(points: Any) -> list[Any] | None:
    """x and y of points with more numbers; None if these are no points."""
    is_table = isinstance(points, list) and all(isinstance(point, list) for point in points)
    return [point[:2] for point in points] if is_table else None


@layout
def mmpose(content: Any) -> Iterator[Record] | None:
    """MMPose's demo ({"meta_info", "instance_info"}) and inferencer: people, frames of people, or lists of them."""
    meta, frames = None, content
    if isinstance(content, dict):
        meta, frames = content.get("meta_info"), content.get("instance_info", content.get("predictions"))
    if not isinstance(frames, list) or not any(_is_mmpose(entry) for entry in frames):
        return None
    names = _names(meta.get("keypoint_id2name")) if isinstance(meta, dict) else None
    return (record for entry in frames for record in _mmpose_people(entry, names))


def _is_mmpose(entry: Any) -> bool:
    if isinstance(entry, list):
        return any(_is_mmpose(person) for person in entry)
    return isinstance(entry, dict) and ("instances" in entry or "keypoint_scores" in entry)


def _mmpose_people(entry: Any, names: tuple[str, ...] | None, frame: str | int | None = None) -> Iterator[Record]:
    if isinstance(entry, list):
        for person in entry:
            yield from _mmpose_people(person, names, frame)
    elif isinstance(entry, dict) and "instances" in entry:
        yield from _mmpose_people(entry["instances"], names, _reference(entry.get("frame_id")))
    elif isinstance(entry, dict):
        yield Record(entry.get("keypoints"), entry.get("keypoint_scores"), entry.get("bbox_score"),
                     _reference(entry.get("image_id", frame)), names=names, usual=COCO)  # fmt: skip


@layout
def ultralytics(content: Any) -> Iterator[Record] | None:
    """Ultralytics' `results[0].to_json()`: [{"keypoints": {"x": [...], "y": [...], "visible": [...]}}]."""
    if not isinstance(content, list) or not any(
        {"x", "y"} <= _keys(entry.get("keypoints")) for entry in _dicts(content)
    ):
        return None
    return map(_ultralytics_record, (entry for entry in _dicts(content) if "keypoints" in entry))


def _ultralytics_record(entry: dict[str, Any]) -> Record:
    points = entry["keypoints"]
    if not isinstance(points, dict):
        return _coco_record(entry, {}, {})
    x, y = points.get("x"), points.get("y")
    if not isinstance(x, list) or not isinstance(y, list) or len(x) != len(y):
        return Record(None)
    return Record([list(pair) for pair in zip(x, y, strict=True)], points.get("visible"), entry.get("confidence"),
                  usual=COCO)  # fmt: skip


@layout
def coco_results(content: Any) -> Iterator[Record] | None:
    """COCO's and AlphaPose's lists of results: [{"image_id", "keypoints", "score"}]."""
    if not _some_have(content, "keypoints"):
        return None
    return (_coco_record(entry, {}, {}) for entry in content if not isinstance(entry, dict) or "keypoints" in entry)


@layout
def stated(content: Any) -> Iterator[Record] | None:
    """{"skeleton": name, "keypoints": one person or a list of people}."""
    if not isinstance(content, dict) or "keypoints" not in content:
        return None
    skeleton = content.get("skeleton")
    return plain_people(content["keypoints"], None if skeleton is None else str(skeleton))


@layout
def mediapipe(content: Any) -> Iterator[Record] | None:
    """MediaPipe's landmarks: [{"x", "y", "z", "visibility"}, ...], of one person or a list of people, bare or named.

    They are shares of the picture, and guessed where the person goes on outside it.
    """
    if isinstance(content, dict):
        keys = ("landmarks", "pose_landmarks", "poseLandmarks", "landmark")
        content = next((content[key] for key in keys if key in content), None)
        if isinstance(content, dict):
            content = content.get("landmark")
    people = [content] if _some_have(content, "x", "y") else content
    if not isinstance(people, list) or not any(_some_have(person, "x", "y") for person in people):
        return None
    return (Record([[p.get("x"), p.get("y")] for p in _dicts(person)],
                   [p.get("visibility", p.get("score", 1)) for p in _dicts(person)],
                   usual=("blazepose_33",), in_shares=True) for person in people)  # fmt: skip


@layout
def bare(content: Any) -> Iterator[Record] | None:
    """Nested lists of numbers: one person or many."""
    is_nested = isinstance(content, list) and content and isinstance(content[0], list)
    return plain_people(content, None) if is_nested else None


def plain_people(values: Any, skeleton: str | None) -> Iterator[Record]:
    """Records of [[x, y], ...], of [[[x, y], ...], ...] or of rows x, y, x, y, ..."""
    rows = [value for value in values if isinstance(value, list)] if isinstance(values, list) else []
    one_person = not rows or (min(map(len, rows)) < 5 and not any(isinstance(v, list) for row in rows for v in row))
    return (Record(person, skeleton=skeleton) for person in ([values] if one_person else values))
