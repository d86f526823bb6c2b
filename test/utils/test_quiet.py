import os
import sys

from utils.quiet import quiet_stderr


def test_what_is_written_to_the_descriptor_is_lost_and_nothing_after(capfd):
    with quiet_stderr():
        os.write(2, b"from C")
    print("from Python", file=sys.stderr)
    assert capfd.readouterr().err == "from Python\n"
