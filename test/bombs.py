"""Small files that would fill the memory of a reader that believes them."""

import io
import pickle
import struct
import zipfile
import zlib

import h5py
import numpy as np
import torch

from datasets.arrays import open_h5, read_h5
from datasets.h36m_layouts import ACTIONS, VideoPose3DLayout
from datasets.keypoints import load_keypoints
from datasets.mpii import load_mpii
from datasets.pickles import read_pickled_npz
from models.lifter import Lifter
from models.weights import FORMAT, load_lifter
from utils.demo.images import read_picture
from utils.keypoints import read_keypoints

LARGE = 384 << 20
ZEROS = bytes(1 << 24)


def npy_header(shape, descr="<f4"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


def packed_npz(path):
    archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with archive, archive.open("keypoints.npy", "w") as file:
        file.write(npy_header((LARGE // 200, 25, 2)))
        for _ in range(LARGE // len(ZEROS)):
            file.write(ZEROS)
    return path


def boxed_npz(path, pickled):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("positions_3d.npy", npy_header((), "|O") + pickled)
    return path


def laughs(depth):
    """A list of ten times the same list of ten times the same list ..."""
    nest = [0.0]
    for _ in range(depth):
        nest = [nest] * 10
    box = np.empty((), object)
    box[()] = {"S9": {"Walking": nest}}
    return pickle.dumps(box)


def h5_file(path, shape, **options):
    with h5py.File(path, "w") as file:
        file.create_dataset("3D_positions", shape, "f8", **options)
    return path


def matrix(kind, sizes, *parts):
    """A MATLAB matrix of a class (2 struct, 6 numbers), named RELEASE."""
    sizes = struct.pack(f"<{len(sizes)}i", *sizes)
    body = struct.pack("<IIII", 6, 8, kind, 0) + struct.pack("<II", 5, len(sizes)) + sizes
    body += struct.pack("<II", 1, 7) + b"RELEASE\0" + b"".join(parts)
    return struct.pack("<II", 14, len(body)) + body


def mat_file(path, *elements):
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM" + b"".join(elements))
    return path


def shared_weights(path, width, blocks):
    """Weights of any size that all show the same few numbers."""
    with torch.device("meta"):
        like = Lifter(width, blocks).state_dict()
    weights = {name: torch.zeros((), dtype=torch.half).expand(value.shape) for name, value in like.items()}
    torch.save({"format": FORMAT, "width": width, "lifter_blocks": blocks, "lifter": weights, "note": ""}, path)
    return path


def packed_checkpoint(path):
    """Members that are compressed, as torch never writes them."""
    plain = io.BytesIO()
    torch.save({"format": FORMAT, "lifter": {"x": torch.zeros(LARGE // 4)}}, plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    return path


def png(path, width, height):
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(10_000))), (b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ))  # fmt: skip
    return path


def read_recording(path):
    with open_h5(path) as file:
        return read_h5(file, "3D_positions", (96, None))


def read_recordings(path):
    return list(VideoPose3DLayout(path.parent, ["S9"], ACTIONS, False))


def bombs(folder):
    """What is made of the file, reader, path."""
    huge = LARGE // 768
    yield "npy", load_mpii, put(folder / "a.npy", npy_header((10**9, 34)))
    yield "npz", load_keypoints, packed_npz(folder / "packed.npz")
    large_place = b"\x80\x02]r" + struct.pack("<I", LARGE // 16) + b"."
    yield "pickle's memo", lambda path: read_pickled_npz(path, "positions_3d"), boxed_npz(folder / "a.npz", large_place)
    long_bytes = b"\x80\x04\x8e" + struct.pack("<Q", LARGE) + b"."
    yield "pickle's bytes", lambda path: read_pickled_npz(path, "positions_3d"), boxed_npz(folder / "b.npz", long_bytes)
    yield "pickle's nest", read_recordings, boxed_npz(folder / "data_3d_h36m.npz", laughs(7))
    yield "h5 unwritten", read_recording, h5_file(folder / "a.h5", (96, huge), chunks=(96, 1000))
    yield "h5 chunk", read_recording, h5_file(folder / "b.h5", (96, 4), chunks=(96, huge), maxshape=(96, None))
    yield "h5 fill", read_recording, h5_file(folder / "c.h5", (96, huge))
    numbers = matrix(6, (LARGE // 8, 1), struct.pack("<II", 9, 0))
    yield "mat numbers", load_mpii, mat_file(folder / "a.mat", numbers)
    no_fields = matrix(2, (2 * 10**9, 1), struct.pack("<HHI", 5, 4, 32), struct.pack("<II", 1, 0))
    yield "mat struct", load_mpii, mat_file(folder / "b.mat", no_fields)
    zeros = zlib.compress(bytes(LARGE), 9)
    packed = struct.pack("<II", 15, len(zeros)) + zeros
    yield "mat packed", load_mpii, mat_file(folder / "c.mat", packed)
    yield "ckpt shared", load_lifter, shared_weights(folder / "a.ckpt", 16_384, 2)
    yield "ckpt packed", load_lifter, packed_checkpoint(folder / "b.ckpt")
    yield "png", read_picture, png(folder / "a.png", 60_000, 60_000)
    yield "json", read_keypoints, put(folder / "a.json", b"[" * 10**6)


def put(path, content):
    path.write_bytes(content)
    return path
