import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from samples_keypoints import LEGS, flat, standing, without
from samples_videos import moving, write_video

import demo
from models import Lifter, save_lifter
from models.detectors.loading import ESTIMATOR_FOLDER, FILES
from utils.demo.options import parse_options
from utils.drawing.poses import turntable
from utils.export3d.exports import WRITERS
from utils.skeleton import INDEX

ROOT_FOLDER = Path(__file__).resolve().parents[1]
SAMPLE = ROOT_FOLDER / "test" / "input_sample.png"


@pytest.fixture(scope="module")
def ckpt(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("ckpt") / "lifter.ckpt"
    save_lifter(Lifter(width=32, blocks=1), path)
    return path


@pytest.fixture(autouse=True)
def few_frames(monkeypatch):
    monkeypatch.setattr("utils.demo.outputs.turntable", lambda pose, **marks: turntable(pose, 2, 64, **marks))


@pytest.fixture
def points(tmp_path):
    """Writes people as OpenPose JSON, and a picture large enough for them."""

    def write(*people):
        Image.fromarray(np.full((300, 250, 3), 180, np.uint8)).save(tmp_path / "photo.png")
        content = {"people": [{"pose_keypoints_2d": np.nan_to_num(flat(person)).tolist()} for person in people]}
        (tmp_path / "points.json").write_text(json.dumps(content))
        return ["--input", str(tmp_path / "photo.png"), "--keypoints", str(tmp_path / "points.json")]

    return write


@pytest.fixture
def run(tmp_path, ckpt, capsys):
    """Runs the demo in this process: exit status, standard output, standard error, folder of the results."""

    def run_demo(*flags):
        status = demo.main([*map(str, flags), "--ckpt", str(ckpt), "--out", str(tmp_path / "out")])
        return status, *capsys.readouterr(), tmp_path / "out"

    return run_demo


def needs_blazepose():
    pytest.importorskip("ai_edge_litert")
    if not all((ESTIMATOR_FOLDER / name).is_file() for name in FILES["blazepose"]):
        pytest.skip("needs BlazePose's files: bash download_2d_pose_estimator.sh")
    return ["--estimators_dir", str(ESTIMATOR_FOLDER)]


def failed(result, *words):
    """One sentence on standard error, exit status 2, nothing written."""
    status, _, error, out = result
    assert status == 2
    assert error.count("\n") == 1
    assert error.startswith("demo.py: ")
    assert "Traceback" not in error
    assert not out.exists() or not any(out.iterdir())
    for word in words:
        assert word in error
    return True


def test_first_flags_have_the_defaults_people_know():
    options = parse_options([])
    assert (options.input, options.ckpt) == ("./test/input_sample.png", "./test/checkpoints/pretrained_model.ckpt")
    assert (options.width, options.height, options.thr) == (368, 368, 0.1)


def test_sample_left_is_left_and_upright(run):
    status, printed, _, out = run("--input", SAMPLE, *needs_blazepose())
    assert status == 0
    assert "1 person" in printed
    (person,) = json.loads((out / "pose.json").read_text())["people"]
    joints = {name: np.array(person["joints_2d_px"][number]) for name, number in INDEX.items()}
    assert joints["head"][1] < joints["thorax"][1] < joints["hip"][1] < joints["left_knee"][1] < joints["left_foot"][1]
    assert joints["left_foot"][0] < 260 < joints["right_foot"][0], "the left foot is in front, on the picture's left"
    assert joints["left_wrist"][0] > 300 > joints["right_wrist"][0], "the left arm swings back"
    assert person["filled_joints"] == []
    assert np.isfinite(person["joints_3d"]).all()


def test_keypoints_from_a_file_need_no_detector(run, points):
    status, _, _, out = run(*points(standing("openpose_body_25"), standing("coco_17")))
    assert status == 0
    assert len(json.loads((out / "pose.json").read_text())["people"]) == 2
    assert (out / "person2_pose_3d_165.png").is_file()


def test_filled_joints_are_named(run, points):
    status, _, _, out = run(*points(without(standing(), "left_ankle")))
    assert status == 0
    assert json.loads((out / "pose.json").read_text())["people"][0]["filled_joints"] == ["left_foot"]


def test_camera_is_stated(run, points):
    *_, out = run(*points(standing()), "--fov", 60, "--tilt", 10)
    camera = json.loads((out / "pose.json").read_text())["camera"]
    assert "60 degrees" in camera["intrinsics_from"]
    assert camera["tilt_deg"] == 10


def test_several_people_are_counted(run, tmp_path):
    sample = np.asarray(Image.open(SAMPLE).convert("RGB"))
    Image.fromarray(np.hstack([sample, sample, sample])).save(tmp_path / "three.png")
    status, printed, _, out = run(tmp_path / "three.png", "--people", 2, *needs_blazepose())
    assert status == 0
    assert "2 people lifted of 3 found" in printed
    assert json.loads((out / "pose.json").read_text())["people_found"] == 3


def test_folder_lifts_pictures_and_videos_and_names_what_it_skips(run, tmp_path):
    sample = np.asarray(Image.open(SAMPLE).convert("RGB").resize((260, 260)))
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.jfif", "b.AVIF", "b.jpg"):
        Image.fromarray(sample).save(folder / name, format="AVIF" if name == "b.AVIF" else "JPEG")
    write_video(folder / "clip.mp4", moving(sample, 2))
    (folder / "._a.jfif").write_bytes(b"of macOS")
    (folder / "bad.png").write_text("no image")
    (folder / "notes.txt").write_text("notes")
    status, printed, error, out = run("--input", folder, *needs_blazepose())
    assert status == 2
    assert {path.name for path in out.iterdir()} == {"a", "b.AVIF", "b.jpg", "clip"}
    assert (out / "clip" / "pose.mp4").is_file()
    assert "bad.png is not an image" in error and error.count("\n") == 1
    assert "notes.txt: skipped, it is neither a picture nor a video" in printed
    assert "._a" not in printed + error


def test_video(run, tmp_path):
    sample = np.asarray(Image.open(SAMPLE).convert("RGB"))
    path = write_video(tmp_path / "12:00:01.mkv", [*moving(sample, 5), sample * 0])
    status, printed, _, out = run("--input", path, "--smooth", 0.2, *needs_blazepose())
    assert status == 0
    assert "6 frames, 1 person" in printed
    assert sorted(file.name for file in out.iterdir()) == ["pose.html", "pose.json", "pose.mp4"]
    frames = json.loads((out / "pose.json").read_text())["frames"]
    assert [[person["id"] for person in frame["people"]] for frame in frames] == [[1]] * 5 + [[]]


def test_a_video_s_motion_is_exported_for_each_person(run, tmp_path):
    sample = np.asarray(Image.open(SAMPLE).convert("RGB"))
    path = write_video(tmp_path / "clip.mp4", moving(np.hstack([sample, sample]), 5, 2))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "person3_pose.bvh").write_text("of an earlier run")
    status, printed, _, out = run(path, "--export", "bvh,trc", *needs_blazepose())
    assert status == 0
    names = {"person2_pose.bvh", "person2_pose.trc", "pose.bvh", "pose.html", "pose.json", "pose.mp4", "pose.trc"}
    assert {file.name for file in out.iterdir()} == names
    assert "Frames: 5\nFrame Time: 0.0500000000" in (out / "person2_pose.bvh").read_text()
    assert "person 2: person2_pose.bvh, person2_pose.trc (5 frames" in printed
    assert "1.75 m tall (--height_m)" in printed
    errors = re.findall(r"([\d.]+) % of the mean root distance", printed)
    assert len(errors) == 2 and all(float(error) < 6 for error in errors)


def test_a_picture_s_pose_is_exported(run, points):
    status, printed, _, out = run(*points(standing()), "--export", "BVH, glb,csv,npz,bvh", "--height_m", 1.6)
    assert status == 0
    assert {"pose.bvh", "pose.glb", "pose.csv", "pose.npz"} <= {file.name for file in out.iterdir()}
    assert "Frames: 1\n" in (out / "pose.bvh").read_text()
    assert "1.6 m tall" in printed and "% of the mean root distance" in printed


def test_a_picture_is_logged_for_rerun(run, points):
    pytest.importorskip("rerun", reason="needs rerun-sdk")
    status, printed, _, out = run(*points(standing()), "--rerun")
    assert status == 0
    assert (out / "pose.rrd").read_bytes()[:3] == b"RRF"
    assert "pose.rrd: open it with" in printed


def test_without_rerun_nothing_is_done(run, points, monkeypatch):
    monkeypatch.setitem(sys.modules, "rerun", None)
    assert failed(run(*points(standing()), "--rerun"), "pip install rerun-sdk")


@pytest.mark.parametrize("formats", ["fbx", "bvh,,glb", "bvh;glb", ","])
def test_an_unknown_format_is_refused_before_anything_is_done(run, points, formats, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(*points(standing()), "--export", formats)
    assert re.fullmatch(r"demo.py: argument --export: .* is none of bvh, glb, trc, csv, npz\n", capsys.readouterr().err)


def test_an_export_that_fails_leaves_nothing(run, points, monkeypatch):
    def fail(path, motion):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(WRITERS, "trc", fail)
    assert failed(run(*points(standing()), "--export", "bvh,trc"), "No space left")


def test_video_without_people(run, tmp_path):
    path = write_video(tmp_path / "clip.mp4", [np.zeros((64, 64, 3), np.uint8)] * 3)
    status, _, error, out = run("--input", path, *needs_blazepose())
    assert status == 2
    assert "no person was found in 3 frames" in error
    assert not out.exists()


def test_video_broken_in_the_middle_gives_what_can_be_read_and_a_warning(run, tmp_path):
    sample = np.asarray(Image.open(SAMPLE).convert("RGB").resize((260, 260)))
    path = write_video(tmp_path / "clip.mkv", moving(sample, 40))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    status, _, error, out = run("--input", path, *needs_blazepose())
    assert status == 0
    assert "clip.mkv is damaged" in error
    assert (out / "pose.mp4").is_file()
    assert 5 < len(json.loads((out / "pose.json").read_text())["frames"]) < 35


def test_an_input_needs_no_flag_and_is_given_once(run, points, capsys):
    _, photo, *keypoints = points(standing())
    assert run(photo, *keypoints)[0] == 0
    with pytest.raises(SystemExit, match="2"):
        run(photo, "--input", "other.png")
    assert "given twice" in capsys.readouterr().err


def test_standard_input(run, points, monkeypatch):
    _, photo, *keypoints = points(standing())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path(photo).read_bytes())))
    status, printed, _, out = run("-", *keypoints)
    assert status == 0
    assert "standard input: 1 person" in printed
    assert json.loads((out / "pose.json").read_text())["picture"]["name"] == "standard input"


@pytest.mark.parametrize("address", ["rtsp://127.0.0.1:9/live", "http://127.0.0.1:9/photo.jpg"])
def test_an_address_where_nobody_answers(run, address, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    assert failed(run(address, *needs_blazepose()), address, "refused")


def test_defaults_are_found_from_any_folder(tmp_path, capsys, monkeypatch):
    needs_blazepose()
    monkeypatch.chdir(tmp_path)
    assert demo.main([]) == 0
    assert (tmp_path / "demo_out" / "pose.html").is_file()


def test_missing_packages_get_one_sentence(points, tmp_path):
    block = "import sys; sys.modules['torch'] = None"
    command = f"{block}; import demo; sys.exit(demo.main({points(standing())!r}))"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, cwd=ROOT_FOLDER)
    assert done.returncode == 2
    assert re.fullmatch(r"demo.py: torch is not installed; get all .*requirements-demo.txt\n", done.stderr)


@pytest.mark.parametrize(
    "flags",
    ["--thr 2", "--thr nan", "--width 0", "--height 99999", "--people 0", "--fov 1", "--tilt 91", "--smooth -1",
     "--max_frames -1", "--height_m 0"],
)  # fmt: skip
def test_ranges(run, flags, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(*flags.split())
    assert re.fullmatch(rf"demo.py: .*{flags.split()[0]}.* in .*\n", capsys.readouterr().err)


def test_nothing_at_input(run, tmp_path):
    assert failed(run("--input", tmp_path / "none.png"), "nothing at")


def test_no_camera(run):
    assert failed(run("--input", "77", *needs_blazepose()), "camera 77 cannot be opened")


def test_not_an_image(run, points, tmp_path):
    flags = points(standing())
    (tmp_path / "photo.png").write_text("no image")
    assert failed(run(*flags), "not an image")


def test_nobody_in_the_picture(run, tmp_path):
    Image.fromarray(np.zeros((50, 50, 3), np.uint8)).save(tmp_path / "black.png")
    assert failed(run("--input", tmp_path / "black.png", *needs_blazepose()), "black.png: no person was found")


def test_an_upper_body_is_lifted_without_legs(run, points):
    status, printed, _, out = run(*points(without(standing(), *LEGS)))
    assert status == 0
    assert "left out: hip, right_hip" in printed
    (person,) = json.loads((out / "pose.json").read_text())["people"]
    assert person["joints_3d"][INDEX["left_foot"]] is None
    assert np.isfinite(person["joints_3d"][INDEX["left_wrist"]]).all()


def test_too_little_to_lift(run, points):
    person = without(standing(), *LEGS, "left_shoulder", "right_shoulder")
    assert failed(run(*points(person)), "too little of the person is seen", "left_hip")


def test_missing_estimator_names_the_command(run, tmp_path):
    command = "bash download_2d_pose_estimator.sh blazepose"
    assert failed(run("--input", SAMPLE, "--estimators_dir", tmp_path), command)


def test_missing_checkpoint(points, tmp_path, capsys):
    status = demo.main([*points(standing()), "--ckpt", str(tmp_path / "none.ckpt"), "--out", str(tmp_path / "out")])
    assert failed((status, *capsys.readouterr(), tmp_path / "out"), "none.ckpt")


def test_wrong_checkpoint(points, tmp_path, capsys):
    torch.save({"something": 1}, tmp_path / "other.ckpt")
    status = demo.main([*points(standing()), "--ckpt", str(tmp_path / "other.ckpt"), "--out", str(tmp_path / "out")])
    assert failed((status, *capsys.readouterr(), tmp_path / "out"), "other.ckpt")


def test_output_folder_is_a_file(run, points, tmp_path):
    (tmp_path / "out").write_text("mine")
    status, _, error, _ = run(*points(standing()))
    assert status == 2
    assert "cannot write to" in error
    assert (tmp_path / "out").read_text() == "mine"


def test_keypoints_with_a_folder(run, points, tmp_path):
    flags = points(standing())
    assert failed(run("--keypoints", flags[-1], "--input", tmp_path), "--keypoints goes with one picture")


def modules_after(code):
    """Names of the modules that a fresh Python has loaded after some code."""
    listing = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, cwd=ROOT_FOLDER, check=True)
    return set(done.stdout.split())


def test_help_loads_nothing_heavy():
    loaded = modules_after("import demo\ntry: demo.main(['--help'])\nexcept SystemExit: pass")
    assert loaded & {"torch", "numpy", "cv2", "PIL", "ai_edge_litert"} == set()


def test_lifting_needs_neither_detectors_nor_what_only_training_needs(points, ckpt, tmp_path):
    flags = [*points(standing()), "--ckpt", str(ckpt), "--out", str(tmp_path / "out")]
    missing = ["av", "cv2", "ai_edge_litert", "matplotlib", "mlflow", "pandas", "pyarrow", "sklearn", "tensorboard",
               "pytorch_lightning", "lightning_fabric", "torchmetrics", "rich"]  # fmt: skip
    block = f"sys.modules.update(dict.fromkeys({missing}))"
    modules_after(f"{block}\nimport demo\nassert demo.main({flags}) == 0")
    assert (tmp_path / "out" / "pose.html").is_file()


def test_training_does_not_load_the_detector():
    loaded = modules_after("import models")
    assert loaded & {"models.detectors.loading", "models.detectors.blazepose", "cv2", "ai_edge_litert"} == set()
