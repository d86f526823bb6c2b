import numpy as np
import pytest
from PIL import Image

from utils.demo.images import is_picture, read_picture, shrink


@pytest.fixture
def save(tmp_path):
    def save_image(image, name="picture.png", **options):
        (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(tmp_path / name, **options)
        return tmp_path / name

    return save_image


def colours(height=8, width=12):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_rgb_is_read_as_it_is(save):
    picture = read_picture(save(colours()))
    assert (picture.rgb == colours()).all()
    assert picture.focal_px is None


def test_grey_becomes_three_equal_channels(save):
    rgb = read_picture(save(colours()[..., 0])).rgb
    assert rgb.shape == (8, 12, 3)
    assert (rgb[..., 1] == colours()[..., 0]).all()


@pytest.mark.parametrize(("brightest", "expected"), [(65535, 255), (4095, 255), (200, 200)])
def test_16_bits_are_scaled_by_what_they_use(save, brightest, expected):
    grey = np.linspace(0, brightest, 96).reshape(8, 12).astype(np.uint16)
    rgb = read_picture(save(grey)).rgb
    assert rgb.dtype == np.uint8
    assert rgb.max() == expected
    assert (np.diff(rgb[..., 0].ravel().astype(int)) >= 0).all()


def test_alpha_shows_white(save):
    rgba = np.dstack([colours(), np.zeros((8, 12), np.uint8)])
    rgba[0, 0, 3] = 255
    rgb = read_picture(save(rgba)).rgb
    assert (rgb[1:] == 255).all()
    assert (rgb[0, 0] == colours()[0, 0]).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "YCbCr", "F", "I"])
def test_every_mode_is_read(save, mode):
    suffix = "tif" if mode in ("CMYK", "YCbCr", "F", "I") else "png"
    rgb = read_picture(save(Image.fromarray(colours()).convert(mode), f"picture.{suffix}")).rgb
    assert rgb.shape == (8, 12, 3)
    assert rgb.dtype == np.uint8


def test_exif_turns_the_picture_upright_and_tells_the_focal_length(save):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    exif.get_ifd(0x8769)[0xA405] = 26  # focal length in 35 mm film
    picture = read_picture(save(colours(), "picture.jpg", exif=exif))
    assert picture.rgb.shape == (12, 8, 3)
    assert picture.focal_px == pytest.approx(26 / 43.267 * np.hypot(8, 12), rel=1e-3)


def test_exif_without_a_focal_length(save):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 0
    assert read_picture(save(colours(), "picture.jpg", exif=exif)).focal_px is None


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3000, 2)])
def test_odd_sizes(save, size):
    assert read_picture(save(colours(*size))).rgb.shape == (*size, 3)


def test_not_an_image(tmp_path):
    (tmp_path / "text.png").write_text("I am no image")
    with pytest.raises(ValueError, match="not an image"):
        read_picture(tmp_path / "text.png")


@pytest.mark.parametrize("name", ["picture.png", "picture.jpg", "picture.webp"])
def test_truncated_image(save, name):
    path = save(colours(200, 300), name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"damaged or truncated|not an image"):
        read_picture(path)


def test_missing_image(tmp_path):
    with pytest.raises(ValueError, match="no picture at"):
        read_picture(tmp_path / "none.png")


def test_far_too_large_image(save, monkeypatch):
    path = save(colours())
    monkeypatch.setattr("utils.demo.images.LARGEST_PIXELS", 40)
    with pytest.raises(ValueError, match="million pixels"):
        read_picture(path)


@pytest.mark.parametrize(("name", "format"), [("a.HEIC", "HEIF"), ("a.avif", "AVIF"), ("a.jfif", "JPEG"), ("a", "PNG")])
def test_formats_of_phones_and_browsers_whatever_the_name(save, name, format):
    if format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    smooth = np.broadcast_to(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], (48, 64, 3))
    path = save(np.ascontiguousarray(smooth), name, format=format)
    assert is_picture(path)
    assert np.abs(read_picture(path).rgb.astype(int) - smooth).mean() < 4


def test_what_is_no_picture(tmp_path, save):
    (tmp_path / "text.png").write_text("text")
    assert not is_picture(tmp_path / "text.png")
    path = save(colours(200, 300))
    path.write_bytes(path.read_bytes()[:100])
    assert is_picture(path), "a damaged picture is one"


def test_shrink():
    large = np.repeat(np.repeat(colours(10, 20), 10, axis=0), 10, axis=1)
    small, factor = shrink(large, 50)
    assert small.shape == (25, 50, 3)
    assert factor == 0.25
    same, factor = shrink(small, 50)
    assert same is small
    assert factor == 1
