"""Small valid files of every kind that the project reads, to be damaged."""

import io
import json
import os

import h5py
import numpy as np
import torch
from h36m_files import make_world_m
from PIL import Image
from samples_keypoints import make_points, openpose, rows
from samples_mpii import make_people, structs
from scipy.io import savemat

from models.gan import PoseGAN
from models.lifter import Lifter
from models.weights import FORMAT

PEOPLE = 3
NPY, MAT = "mpii_poses.npy", "mpii_human_pose_v1_u12_1.mat"


def bytes_of(write, *args, **options):
    file = io.BytesIO()
    write(file, *args, **options)
    return file.getvalue()


def put(path, content):
    path.write_bytes(content)
    return path


PIXELS = make_people(PEOPLE, 17).reshape(PEOPLE, 34)


NPY_FILES = [bytes_of(np.save, values) for values in (PIXELS, np.asfortranarray(PIXELS.astype(">f4")))]


BODY = make_points(PEOPLE, "openpose_body_25")


NPZ = [bytes_of(save, keypoints=BODY, skeleton="openpose_body_25") for save in (np.savez, np.savez_compressed)]


TREES = {
    "openpose": openpose(BODY),
    "coco": {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [
            {"image_id": 1, "score": 0.9, "keypoints": row} for row in rows(make_points(PEOPLE, "coco_17"))
        ],
    },
    "own": {"skeleton": "mpii_16", "keypoints": make_points(2, "mpii_16").tolist()},
}
TREES["results"] = TREES["coco"]["annotations"]


MPII_TREE = [
    {"dataset": "MPI", "isValidation": 0.0, "joint_self": [[x, y, 1.0] for x, y in person]}
    for person in make_people(2, 16).tolist()
]


def annotated_image(people):
    persons = [
        {"annopoints": structs([{"point": structs([
            {"x": x, "y": y, "id": float(number)} for number, (x, y) in enumerate(person.reshape(17, 2)[:16])
        ])}])} for person in people
    ]  # fmt: skip
    return {"annorect": structs(persons)}


def matrices(compressed):
    release = {"annolist": structs([annotated_image(PIXELS[:1]), annotated_image(PIXELS[1:])]),
               "img_train": np.array([[1, 1]], np.uint8)}  # fmt: skip
    return bytes_of(savemat, {"RELEASE": release}, do_compression=compressed)


MATRICES = [matrices(True), matrices(False)]


PICKLED = {
    "S9": {"Walking": [make_world_m(4), make_world_m(2)], "Photo 1": make_world_m(3), "Eating": [[[1.0, 2.0]]]},
    "metadata": {"layout_name": "mpii", "num_joints": 16},
}


def boxed(tree):
    box = np.empty((), object)
    box[()] = tree
    return box


RECORDINGS = {("S9", "Walking"): make_world_m(4)}


H5_KINDS = ("whole", "rank", "dtype", "group", "loop", "dangling", "elsewhere", "fifo", "itself", "virtual", "raw",
            "unwritten", "empty", "chunk", "packed", "scalar")  # fmt: skip


def write_h5(path, kind, shape, dtype):
    """A recording whose data set is something else."""
    values = np.arange(96 * 4, dtype="f8").reshape(96, 4)
    other = path.with_name("other.h5")
    if not other.exists():
        with h5py.File(other, "w") as file:
            file["3D_positions"] = values
        os.mkfifo(path.with_name("fifo"))
    with h5py.File(path, "w") as file:
        if kind in ("whole", "packed"):
            file.create_dataset("3D_positions", data=values, compression="gzip" if kind == "packed" else None)
        elif kind == "group":
            file.create_group("3D_positions/3D_positions")
        elif kind == "loop":
            file["3D_positions"], file["b"] = h5py.SoftLink("/b"), h5py.SoftLink("/3D_positions")
        elif kind == "dangling":
            file["3D_positions"] = h5py.SoftLink("/nowhere")
        elif kind in ("elsewhere", "fifo", "itself"):
            names = {"elsewhere": other.name, "fifo": "fifo", "itself": path.name}
            file["3D_positions"] = h5py.ExternalLink(names[kind], "/3D_positions")
        elif kind == "virtual":
            layout = h5py.VirtualLayout((96, 4), "f8")
            layout[:] = h5py.VirtualSource(str(other), "3D_positions", (96, 4))
            file.create_virtual_dataset("3D_positions", layout)
        elif kind == "raw":
            file.create_dataset("3D_positions", (96, 4), "f8", external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)])
        elif kind == "empty":
            file["3D_positions"] = h5py.Empty("f8")
        elif kind == "scalar":
            file["3D_positions"] = 1.5
        elif kind == "chunk":
            file.create_dataset("3D_positions", (96, 4), "f8", chunks=(96, 40_000_000 // 96), maxshape=(96, None))
        else:
            chunks = True if kind == "unwritten" and shape and 0 not in shape else None
            entry = file.create_dataset("3D_positions", shape, dtype, chunks=chunks)
            if kind != "unwritten" and entry.nbytes < 10_000:
                entry[...] = np.zeros(shape, entry.dtype)


MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "F", "I", "I;16")


GREY = np.random.default_rng(0).integers(0, 256, (9, 7), np.uint8)


def pictures():
    """Name of the format -> files in all modes that it can hold."""
    plain = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "JPEG2000", "TGA", "ICO", "EPS", "PCX", "SGI", "MPO")
    kinds = [(kind, {}) for kind in plain] + [("JPEG", {"progressive": True})]
    kinds += [("TIFF", {"compression": method}) for method in ("lzw", "tiff_deflate")]
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0xA405] = 26
    for kind, options in kinds:
        for mode in MODES:
            image = Image.fromarray(GREY).convert(mode) if mode != "I;16" else Image.fromarray(GREY.astype("u2") * 255)
            try:
                yield bytes_of(image.save, kind, exif=exif, **options)
            except (OSError, KeyError, ValueError, TypeError):
                continue


PICTURES = list(pictures())


def clip(path, code):
    import cv2

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), 10, (32, 24))
    for number in range(4):
        writer.write(np.full((24, 32, 3), 60 * number, np.uint8))
    writer.release()


TINY = {"width": 8, "lifter_blocks": 1, "critic_blocks": 1, "critic_width": 8}


def checkpoints():
    torch.manual_seed(0)
    system = PoseGAN(**TINY)
    loops = {"fit_loop": {"epoch_progress": {"current": {"processed": 3}}}}
    yield {"state_dict": dict(system.state_dict()), "hyper_parameters": dict(system.hparams), "loops": loops}
    weights = Lifter(8, 1).state_dict()
    half = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    yield {"format": FORMAT, "width": 8, "lifter_blocks": 1, "lifter": half, "note": "-"}


CHECKPOINTS = list(checkpoints())


CHECKPOINT_FILES = [bytes_of(lambda file, content: torch.save(content, file), content) for content in CHECKPOINTS]


WHOLE = {
    NPY: NPY_FILES[0],
    "poses.npz": NPZ[1],
    "people.json": json.dumps(TREES["openpose"]).encode(),
    MAT: MATRICES[0],
    "picture.png": PICTURES[0],
    "some.ckpt": CHECKPOINT_FILES[1],
}
