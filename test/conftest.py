"""Shape annotations are checked while testing, and only then."""

from jaxtyping import install_import_hook

install_import_hook(
    ["utils.alignment", "utils.geometry", "utils.metrics", "datasets.transforms", "losses"], "beartype.beartype"
)
