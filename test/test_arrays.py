import io
import json
import zipfile

import h5py
import numpy as np
import pytest

from datasets.arrays import as_numbers, open_h5, read_h5, read_json, read_npy, read_npz


def header_claiming(shape):
    """The first bytes of a .npy file with that shape, then nothing."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue()


def one_sentence(error, path):
    return str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f4", ">f8", "i2", "?", "U5"])
def test_arrays_come_back_as_written_and_writable(order, dtype, tmp_path):
    values = np.asarray(np.arange(12).reshape(3, 4).astype(dtype), order=order)
    np.save(tmp_path / "one.npy", values)
    np.savez_compressed(tmp_path / "more.npz", values=values, other=np.array(3.5))
    for got in (read_npy(tmp_path / "one.npy"), read_npz(tmp_path / "more.npz")["values"]):
        np.testing.assert_array_equal(got, values)
        assert got.dtype == values.dtype and got.flags.writeable
    assert read_npz(tmp_path / "more.npz")["other"] == 3.5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"1 2 3", "not a NumPy array file"),
        (b"\x93NUMPY\x01\x00\x0a\x00{'descr'", "not a NumPy array file"),
        (b"\x93NUMPY\x01\x00\x0a\x00{'descr':\n", "not a NumPy array file"),
        (header_claiming((10**12, 34)), "is truncated"),
        (header_claiming((10**40,)), "is truncated"),
        (header_claiming((3, 34)) + b"\0" * 8, "is truncated"),
        (header_claiming((-1, 34)), "is truncated"),
        (header_claiming((-2, -2)) + b"\0" * 16, "is truncated"),
    ],
)
def test_bad_npy_files_are_named_and_take_no_memory(content, message, tmp_path):
    path = tmp_path / "poses.npy"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_npy(path)
    assert one_sentence(error, path)
    with zipfile.ZipFile(tmp_path / "poses.npz", "w") as archive:
        archive.writestr("values.npy", content)
    with pytest.raises(ValueError, match=message if content else "not a NumPy array file") as error:
        read_npz(tmp_path / "poses.npz")
    assert one_sentence(error, tmp_path / "poses.npz")


def test_pickles_are_refused(tmp_path):
    np.save(tmp_path / "poses.npy", np.array([{"a": 1}]), allow_pickle=True)
    np.savez(tmp_path / "poses.npz", values=np.array({"a": 1}))
    for read, name in ((read_npy, "poses.npy"), (read_npz, "poses.npz")):
        with pytest.raises(ValueError, match="pickled Python objects, which are never loaded") as error:
            read(tmp_path / name)
        assert one_sentence(error, tmp_path / name)


def test_records_are_refused(tmp_path):
    np.save(tmp_path / "poses.npy", np.zeros(3, dtype=[("x", "f4")]))
    with pytest.raises(ValueError, match="instead of numbers"):
        read_npy(tmp_path / "poses.npy")


def test_damaged_archives_are_named(tmp_path):
    path = tmp_path / "poses.npz"
    np.savez(path, values=np.zeros(100))
    whole = path.read_bytes()
    for content in (whole[:200], b"PK\x03\x04 and so on", whole.replace(b"\0" * 400, b"\1" * 400)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"not a whole \.npz file") as error:
            read_npz(path)
        assert one_sentence(error, path)


def enter_h5(path):
    with open_h5(path) as file:
        return file


@pytest.mark.parametrize("read", [read_npy, read_npz, read_json, enter_h5])
def test_missing_files_and_folders_are_told_apart(read, tmp_path):
    with pytest.raises(ValueError, match="is not there"):
        read(tmp_path / "absent")
    with pytest.raises(ValueError, match="is not a file"):
        read(tmp_path)


def test_json(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"a": [1, 2]}))
    assert read_json(path) == {"a": [1, 2]}
    for content in (b'{"a": [1,', b"\xff\xfe\x00", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not valid JSON") as error:
            read_json(path)
        assert one_sentence(error, path)


def test_hdf5_arrays_have_the_shape_asked_for(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["poses"] = np.ones((4, 16, 2), dtype=">f4")
        file.create_dataset("unwritten", (10**9, 16, 2), dtype="f4", chunks=(1000, 16, 2))
        file.create_group("group")
    with open_h5(tmp_path / "a.h5") as file:
        poses = read_h5(file, "poses", (None, 16, 2))
        assert poses.sum() == 128 and poses.dtype == np.float64
        for key, shape, message in [
            ("poses", (None, 17, 2), "instead of any x 17 x 2 numbers"),
            ("poses", (None, 32), "instead of any x 32 numbers"),
            ("absent", (None,), "has no 'absent'"),
            ("group", (None,), "has no 'group'"),
            ("unwritten", (None, 16, 2), "more than the file can hold"),
        ]:
            with pytest.raises(ValueError, match=message) as error:
                read_h5(file, key, shape)
            assert one_sentence(error, tmp_path / "a.h5")


def test_numbers_are_numbers():
    np.testing.assert_array_equal(as_numbers([[1, None], [2.5, 3]], "here"), [[1, np.nan], [2.5, 3]])
    for values in ([["1", 2]], [[1], [1, 2]], [True], [1j], {"a": 1}, [10**400], [[None, "x"]]):
        with pytest.raises(ValueError, match="here is not an even table of numbers"):
            as_numbers(values, "here")


def test_a_file_that_turns_out_to_be_damaged_is_named(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["poses"] = np.ones(3)
    for problem in (RuntimeError("Link iteration failed"), OSError("short"), ValueError("no precision")):
        with pytest.raises(ValueError, match="not a whole HDF5 file") as error, open_h5(path):
            raise problem
        assert one_sentence(error, path)


def test_files_of_others_are_named(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_text("[]")
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(ValueError, match="may not be read; check its permissions"):
        read_json(tmp_path / "a.json")


def test_what_a_header_does_not_mention_is_refused(tmp_path):
    """A garbled shape would lose people in silence."""
    np.save(tmp_path / "a.npy", np.zeros((5, 34)))
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content.replace(b"(5, 34)", b"(3, 34)"))
    with pytest.raises(ValueError, match="is longer than shape"):
        read_npy(tmp_path / "a.npy")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["poses"] = np.ones((11, 13))
    content = (tmp_path / "a.h5").read_bytes()
    assert content.count(b"\x0b\0\0\0\0\0\0\0\x0d") == 2
    (tmp_path / "a.h5").write_bytes(content.replace(b"\x0b\0\0\0\0\0\0\0\x0d", b"\x07\0\0\0\0\0\0\0\x0d"))
    with pytest.raises(ValueError, match="more or fewer values than shape"), open_h5(tmp_path / "a.h5") as file:
        read_h5(file, "poses", (None, 13))


def test_two_members_of_one_name_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("keypoints.npy", b"")
        archive.writestr("keypoints", b"")
    with pytest.raises(ValueError, match="two members of one name"):
        read_npz(tmp_path / "a.npz")


def test_no_other_file_is_opened_for_an_hdf5_file(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["group/poses"] = np.ones((4, 2))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["linked"] = h5py.ExternalLink("other.h5", "/group/poses")
        file["group"] = h5py.ExternalLink("other.h5", "/group")
        file["soft"] = h5py.SoftLink("/linked")
        file.create_dataset("raw", (4, 2), "f8", external=[("raw", 0, 64)])
        layout = h5py.VirtualLayout((4, 2), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "group/poses", (4, 2))
        file.create_virtual_dataset("virtual", layout)
    with open_h5(tmp_path / "a.h5") as file:
        for key, words in (("linked", "of its own"), ("group/poses", "of its own"), ("soft", "of its own"),
                           ("raw", "in another file"), ("virtual", "in another file")):  # fmt: skip
            with pytest.raises(ValueError, match=words):
                read_h5(file, key, (None, 2))


def test_every_kind_of_nan_is_read_in_silence(tmp_path, recwarn):
    signalling = np.array([0x7FA00000] * 4, np.uint32).view(np.float32)
    assert np.isnan(as_numbers(signalling, "here")).all()
    assert len(recwarn) == 0
