"""An error in one sentence."""

import pytest

from utils.messages import first_line


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("a sentence.\nand a trace"), "a sentence"),
        (KeyError(), "KeyError"),
        (OSError(28, "No space left on device"), "no space left on device"),
        (FileNotFoundError(2, "No such file or directory", "a.npy"), "no such file or directory: a.npy"),
    ],
)
def test_what_is_left_of_an_error(error, sentence):
    assert first_line(error) == sentence
