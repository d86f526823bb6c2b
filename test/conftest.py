"""Shape annotations are checked while testing, and only then."""

import os

# Before PyTorch is imported, here and in the processes that tests start: its threads wait by spinning, and on a busy
# machine, such as one that runs two test processes, two of them take a hundred times as long as one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

install_import_hook(
    ["losses", "utils.evaluation.alignment", "utils.evaluation.metrics", "utils.geometry", "utils.normalization"],
    "beartype.beartype",
)
