"""pose.rrd: picture, keypoints, 3D poses and confidences through time, for the viewer of rerun.io."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..drawing.poses import SIDE_RGB
from ..skeleton import BONES, JOINTS, SIDES
from .images import Picture, shrink
from .people import Person, Scene

FILE = "pose.rrd"
PICTURE_SIDE_PX, JPEG_QUALITY = 1280, 80
RADIUS_PX, RADIUS = 4.0, 0.03


class RerunLog:
    """Logs what the demo sees, frame by frame.

    Raises:
        ValueError: if Rerun's SDK is not installed.
    """

    def __init__(self) -> None:
        try:
            import rerun
        except ImportError as error:
            raise ValueError("--rerun needs the SDK of rerun.io: pip install rerun-sdk") from error
        self._rerun, self._met, self._here = rerun, set[int](), set[int]()

    def start(self, folder: Path, rate: float) -> None:
        """Begins the file."""
        rr = self._rerun
        self._log = rr.RecordingStream("chen-cvpr2019")
        self._log.save(folder / FILE)
        joints = [
            rr.AnnotationInfo(number, name.replace("_", " "), SIDE_RGB[side].tolist())
            for number, (name, side) in enumerate(zip(JOINTS, SIDES, strict=True))
        ]
        person = rr.ClassDescription(
            info=rr.AnnotationInfo(0, "person"), keypoint_annotations=joints, keypoint_connections=list(BONES)
        )
        self._log.log("/", rr.AnnotationContext(person), static=True)
        self._log.log("lifted", rr.ViewCoordinates.RDF, static=True)

    def add(self, seconds: float, look: Callable[[], Picture], scene: Scene, numbers: Sequence[int]) -> None:
        """Logs a picture or frame and its people; who has gone disappears from the view."""
        rr, picture = self._rerun, look()
        self._log.set_time("time", duration=seconds)
        rgb, factor = shrink(picture.rgb, PICTURE_SIDE_PX)
        self._log.log("picture", rr.Image(rgb).compress(jpeg_quality=JPEG_QUALITY))
        for number in self._here - set(numbers):
            for place in ("picture", "lifted", "confidence"):
                self._log.log(f"{place}/person{number}", rr.Clear(recursive=False))
        for number, person in zip(numbers, scene.people, strict=True):
            self._log_person(number, person, factor / picture.scale)
        self._here = set(numbers)

    def _log_person(self, number: int, person: Person, factor: float) -> None:
        rr, name = self._rerun, f"person{number}"
        shown = np.flatnonzero(~person.seen.left_out)
        joints = {"class_ids": 0, "keypoint_ids": shown}
        places_px = (person.joints.joints_px[shown] + 0.5) * factor
        self._log.log(f"picture/{name}", rr.Points2D(places_px, radii=RADIUS_PX, **joints))
        self._log.log(f"lifted/{name}", rr.Points3D(person.pose[shown], radii=RADIUS, **joints))
        confidence = np.where(person.seen.left_out, 0.0, person.joints.confidence)
        if number not in self._met:
            self._log.log(f"confidence/{name}", rr.SeriesLines(names=JOINTS), static=True)
            self._met.add(number)
        self._log.log(f"confidence/{name}", rr.Scalars(confidence))

    def finish(self) -> None:
        """Ends the file."""
        try:
            self._log.flush()
        except RuntimeError as error:
            raise OSError(f"{FILE} is not whole, {error}") from error
        finally:
            self._log.disconnect()

    def summary(self) -> str:
        """What to do with it."""
        return f"{FILE}: open it with the command rerun"
