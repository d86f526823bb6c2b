"""Shape annotations are checked while testing, and only then."""

from jaxtyping import install_import_hook

install_import_hook(
    ["losses", "utils.evaluation.alignment", "utils.evaluation.metrics", "utils.geometry", "utils.normalization"],
    "beartype.beartype",
)
