"""How far predicted 3D poses are from the true ones: every definition the field calls "MPJPE", each under its name.

Predictions have no unit, since one image does not tell the scale; ground truth is in millimetres in the same camera
axes. All figures are root-relative (or Procrustes-aligned) and ignore the prediction's scale. Both poses are
(..., 17, 3), the result is (...), and the root joint counts among the 17, as is usual.

A prediction whose joints are all one point is scored as a person shrunk into the root: a large, finite error.
NaN or infinity raises ValueError in the functions; the metric `PoseErrors` skips and counts such poses.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics import Metric

from ..geometry import root_relative
from ..skeleton import NUM_JOINTS
from .alignment import depth_flip, distances, in_plane_scale, least_squares_scale, norm_scale, procrustes_distances

PCK_THRESHOLD_MM = 150.0
AUC_STEP_MM = 5.0
"""MPI-INF-3DHP (Mehta et al. 2017): joints below 150 mm; AUC is the mean over the 31 thresholds 0, 5, ..., 150."""
HEADLINES = ("mpjpe", "n_mpjpe", "mpjpe_norm_scaled", "p_mpjpe", "pck150", "auc")
ORACLES = ("p_mpjpe_reflected", "mpjpe_flip")
"""Figures that use the ground truth to undo an error in depth: to be reported apart, never as a result."""
FIGURES = HEADLINES + ORACLES
_CHUNK = 8192  # poses at a time: bounds the memory, and the intermediate results stay in the processor's cache


def mpjpe_gt_scaled(
    pred: Float[Tensor, "*batch joint 3"], target: Float[Tensor, "*batch joint 3"]
) -> Float[Tensor, "*batch"]:
    """A: scaled so that the mean root-joint distance in the image plane (x, y) is the ground truth's, in mm.

    Reported by Kudo et al. 2018.
    """
    pred, target = _prepared(pred, target)
    return distances(pred * in_plane_scale(pred, target), target).mean(dim=-1)


def n_mpjpe(pred: Float[Tensor, "*batch joint 3"], target: Float[Tensor, "*batch joint 3"]) -> Float[Tensor, "*batch"]:
    """B: root-centred, the least-squares scale of each pose, in mm. The standard (Rhodin et al. 2018, VideoPose3D).

    Only scales >= 0 are searched: a negative one would turn the person inside out.
    """
    pred, target = _prepared(pred, target)
    return distances(pred * least_squares_scale(pred, target), target).mean(dim=-1)


def mpjpe_norm_scaled(
    pred: Float[Tensor, "*batch joint 3"], target: Float[Tensor, "*batch joint 3"]
) -> Float[Tensor, "*batch"]:
    """B': root-centred, scaled by the ratio of the two poses' norms, in mm. Reported by ElePose (Wandt et al. 2022)."""
    pred, target = _prepared(pred, target)
    return distances(pred * norm_scale(pred, target), target).mean(dim=-1)


def p_mpjpe(pred: Float[Tensor, "*batch joint 3"], target: Float[Tensor, "*batch joint 3"]) -> Float[Tensor, "*batch"]:
    """C: after the best rotation, translation and scale, reflections forbidden, in mm. The standard (VideoPose3D)."""
    return procrustes_distances(*_prepared(pred, target))[0].mean(dim=-1)


def p_mpjpe_reflected(
    pred: Float[Tensor, "*batch joint 3"], target: Float[Tensor, "*batch joint 3"]
) -> Float[Tensor, "*batch"]:
    """C': an oracle; as `p_mpjpe`, but a mirrored person counts as right, in mm. Reported by ElePose and LInKs."""
    return procrustes_distances(*_prepared(pred, target))[1].mean(dim=-1)


def mpjpe_flip_oracle(
    pred: Float[Tensor, "*batch joint 3"], target: Float[Tensor, "*batch joint 3"]
) -> Float[Tensor, "*batch"]:
    """D: an oracle; `n_mpjpe` of the pose or its depth flip (z negated), whichever is less. Reported by C3DPO, ITES."""
    return torch.minimum(n_mpjpe(pred, target), n_mpjpe(depth_flip(pred), target))


def pck(pred: Float[Tensor, "*batch joint 3"], target: Float[Tensor, "*batch joint 3"]) -> Float[Tensor, "*batch"]:
    """Percentage of the joints that are less than 150 mm off after B's alignment (root and least-squares scale)."""
    pred, target = _prepared(pred, target)
    return _pck(distances(pred * least_squares_scale(pred, target), target))


def auc(pred: Float[Tensor, "*batch joint 3"], target: Float[Tensor, "*batch joint 3"]) -> Float[Tensor, "*batch"]:
    """Mean of the percentages of joints below 0, 5, ..., 150 mm after B's alignment (MPI-INF-3DHP's curve)."""
    pred, target = _prepared(pred, target)
    return _auc(distances(pred * least_squares_scale(pred, target), target))


def pose_errors(pred: Float[Tensor, "*batch joint 3"], target: Float[Tensor, "*batch joint 3"]) -> dict[str, Tensor]:
    """Every figure of `FIGURES` for each pose, with one singular value decomposition a pose.

    Returns:
        Name -> (...), mm or, for pck150 and auc, percent.

    Raises:
        ValueError: for a wrong shape, NaN or infinity.
    """
    shape = pred.shape[:-2]
    pred, target = _prepared(pred, target)
    table = _error_table(pred.reshape(-1, NUM_JOINTS, 3), target.reshape(-1, NUM_JOINTS, 3))
    return {name: table[:, column].reshape(shape) for column, name in enumerate(FIGURES)}


def _centred(pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Root-relative poses in full precision, the prediction's largest coordinate made 1, and a mask of finite ones."""
    if pred.shape != target.shape or pred.shape[-2:] != (NUM_JOINTS, 3):
        raise ValueError(
            f"expected two sets of poses of one shape (..., {NUM_JOINTS}, 3), "
            f"got predictions {tuple(pred.shape)} and ground truth {tuple(target.shape)}"
        )
    precision = torch.promote_types(torch.promote_types(pred.dtype, target.dtype), torch.float32)
    pred, target = root_relative(pred.to(precision)), root_relative(target.to(precision))
    size = pred.abs().amax(dim=(-2, -1), keepdim=True)
    finite = (torch.isfinite(size) & torch.isfinite(target.abs().amax(dim=(-2, -1), keepdim=True))).squeeze((-2, -1))
    return pred / size.clamp(min=torch.finfo(precision).tiny), target, finite


def _prepared(pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    pred, target, finite = _centred(pred, target)
    if not finite.all():
        raise ValueError(f"NaN or infinity in {int((~finite).sum())} of {finite.numel()} poses: leave them out first")
    return pred, target


def _error_table(pred: Tensor, target: Tensor) -> Tensor:
    """(N, figure) of prepared poses (N, 17, 3), columns as in `FIGURES`."""
    chunks = zip(pred.split(_CHUNK), target.split(_CHUNK), strict=True)
    return torch.cat([_chunk_errors(*chunk) for chunk in chunks])


def _chunk_errors(pred: Tensor, target: Tensor) -> Tensor:
    joint_errors = distances(pred * least_squares_scale(pred, target), target)
    flipped = depth_flip(pred)
    flipped_error = distances(flipped * least_squares_scale(flipped, target), target).mean(dim=-1)
    rigid, reflected = procrustes_distances(pred, target)
    columns = {
        "mpjpe": distances(pred * in_plane_scale(pred, target), target).mean(dim=-1),
        "n_mpjpe": joint_errors.mean(dim=-1),
        "mpjpe_norm_scaled": distances(pred * norm_scale(pred, target), target).mean(dim=-1),
        "p_mpjpe": rigid.mean(dim=-1),
        "pck150": _pck(joint_errors),
        "auc": _auc(joint_errors),
        "p_mpjpe_reflected": reflected.mean(dim=-1),
        "mpjpe_flip": torch.minimum(joint_errors.mean(dim=-1), flipped_error),
    }
    return torch.stack([columns[name] for name in FIGURES], dim=-1)


def _pck(joint_errors: Tensor) -> Tensor:
    return 100 * (joint_errors < PCK_THRESHOLD_MM).to(joint_errors.dtype).mean(dim=-1)


def _auc(joint_errors: Tensor) -> Tensor:
    """In closed form: an error e is below the thresholds from step floor(e / 5) + 1 to step 30."""
    steps = round(PCK_THRESHOLD_MM / AUC_STEP_MM)
    passed = (steps - (joint_errors / AUC_STEP_MM).floor()).clamp(min=0)
    return 100 * passed.mean(dim=-1) / (steps + 1)


class PoseErrors(Metric):
    """All figures over a data set, summed per action on the device: any split into batches or processes is the same.

    The headline is the mean over the actions' means, as is usual on Human3.6M: with its 15 actions, each weighs the
    same however long its videos are. Poses with NaN or infinity (missing detections) are skipped and counted.

    Args:
        action_names: the names that `actions` indexes; none if the data has no actions.
    """

    full_state_update = False

    def __init__(self, action_names: Sequence[str] = ()) -> None:
        super().__init__()
        self.action_names = tuple(action_names)
        groups = max(1, len(self.action_names))
        self.add_state("sums", torch.zeros(groups, len(FIGURES), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("counts", torch.zeros(groups, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("skipped", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self,
        pred: Float[Tensor, "batch joint 3"],
        target: Float[Tensor, "batch joint 3"],
        actions: Int[Tensor, " batch"] | None = None,
    ) -> None:
        """Adds a batch of poses (N, 17, 3), the ground truth in mm, and their actions (N,).

        Raises:
            ValueError: for a wrong shape, or actions that `action_names` lacks.
        """
        if actions is None:
            if len(self.action_names) > 1:
                raise ValueError(f"each pose needs its action: there are {len(self.action_names)} of them")
            actions = torch.zeros(len(pred), dtype=torch.int64, device=pred.device)
        groups = len(self.counts)
        if ((actions < 0) | (actions >= groups)).any():
            raise ValueError(f"an action is outside 0 to {groups - 1}, the range of the action names")
        pred, target, finite = _centred(pred, target)
        keep = finite[:, None, None]
        errors = _error_table(pred.where(keep, 0.0), target.where(keep, 0.0))
        member = (actions[:, None] == torch.arange(groups, device=actions.device)) & finite[:, None]
        # A product with 0 and 1, unlike index_add, gives the same bits on every run of a GPU.
        self.sums += member.double().mT @ errors.double()
        self.counts += member.sum(dim=0)
        self.skipped += (~finite).sum()

    def compute(self) -> dict[str, Any]:
        """The figures as a nested dict of plain numbers.

        Returns:
            The `HEADLINES` by name, "oracles" (figures that peek at the ground truth), "mean_over_poses" (every pose
            weighs the same, not every action), "per_action" (name -> its figures and "poses"), "poses", "skipped".

        Raises:
            ValueError: if no pose has been scored.
        """
        seen = self.counts > 0
        if not seen.any():
            raise ValueError(
                f"there is nothing to score: no finite pose came, and {int(self.skipped)} with NaN or infinity"
            )
        means = self.sums[seen] / self.counts[seen, None]
        names = [name for name, present in zip(self.action_names, seen.tolist(), strict=False) if present]
        rows = zip(names, means.tolist(), self.counts[seen].tolist(), strict=False)
        return {
            **_named(means.mean(dim=0).tolist()),
            "mean_over_poses": _named((self.sums.sum(dim=0) / self.counts.sum()).tolist()),
            "per_action": {name: {**_named(row), "poses": poses} for name, row, poses in rows},
            "poses": int(self.counts.sum()),
            "skipped": int(self.skipped),
        }


def _named(row: list[float]) -> dict[str, Any]:
    """A row of figures as {headline: value, ..., "oracles": {name: value}}."""
    figures = dict(zip(FIGURES, row, strict=True))
    return {**{name: figures[name] for name in HEADLINES}, "oracles": {name: figures[name] for name in ORACLES}}
