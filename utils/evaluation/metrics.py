"""How far predicted 3D poses are from the true ones: every definition the field calls "MPJPE", each under its name.

Predictions have no unit, since one image does not tell the scale; ground truth is in millimetres in the same camera
axes. Every figure ignores the prediction's scale and position. All 17 joints count, the root among them, as is usual;
for data that lacks some joints, those that it has count.
Errors are in mm, less is better; PCK and AUC are percentages of joints, more is better.

mpjpe: MPJPE (in-plane scale). Root-aligned; scaled so that the mean root-joint distance in the image plane (x, y) is
    the ground truth's. Reported by Kudo et al. 2018.
n_mpjpe: N-MPJPE, the standard. Root-aligned; least-squares scale of each pose (Rhodin et al. 2018, VideoPose3D).
mpjpe_norm_scaled: root-aligned; scaled by the ratio of the two poses' norms. Reported by ElePose (Wandt et al. 2022).
p_mpjpe: P-MPJPE, the standard. After the best rotation, translation and scale, without reflection (Procrustes).
pck150: PCK, the joints that are less than 150 mm off after N-MPJPE's alignment.
auc: the mean of PCK over the thresholds 0, 5, ..., 150 mm.

Two figures are oracles: they use the ground truth to undo an error in depth. They are comparable with papers that
report them, and never results of their own.

p_mpjpe_reflected: as p_mpjpe, but a mirrored person counts as right. Reported by ElePose and LInKs.
mpjpe_flip: N-MPJPE of the pose or of its depth flip (z negated), whichever is less. Reported by C3DPO and ITES.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchmetrics import Metric

from ..geometry import PerJoint, PerPose, Pose3D, root_relative
from ..skeleton import JOINTS, NUM_JOINTS, ROOT
from .alignment import depth_flip, distances, in_plane_scale, least_squares_scale, norm_scale, procrustes_distances

PCK_THRESHOLD_MM = 150.0
AUC_STEP_MM = 5.0
"""MPI-INF-3DHP (Mehta et al. 2017): joints below 150 mm; AUC is the mean over the 31 thresholds 0, 5, ..., 150."""
HEADLINES = ("mpjpe", "n_mpjpe", "mpjpe_norm_scaled", "p_mpjpe", "pck150", "auc")
ORACLES = ("p_mpjpe_reflected", "mpjpe_flip")
FIGURES = HEADLINES + ORACLES
OF_JOINTS = ("n_mpjpe", "p_mpjpe")
"""The figures that are told of each joint as well."""


def pose_errors(pred: Pose3D, target: Pose3D, scored: Sequence[int] | None = None) -> dict[str, PerPose]:
    """Every figure of `FIGURES` for each pose.

    A prediction whose joints are all one point is scored as a person shrunk into the root: a large, finite error.

    Args:
        scored: the joints that count, for scales and alignments too; all 17 if None. Poses are aligned at the root,
            counted or not, and the other joints may be NaN.

    Returns:
        Name -> (...). A pose with NaN or infinity, in the prediction or in the ground truth, has NaN for all figures.

    Raises:
        ValueError: for poses that are not (..., 17, 3).
    """
    return _errors(pred, target, scored)[0]


def _errors(pred: Tensor, target: Tensor, scored: Sequence[int] | None) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Every figure of `FIGURES` for each pose (...), and of `OF_JOINTS` for each of its scored joints (..., J)."""
    pred, target, finite = _root_centred(pred, target, scored)
    joint_errors = distances(pred * least_squares_scale(pred, target), target)
    flipped = depth_flip(pred)
    flipped_error = distances(flipped * least_squares_scale(flipped, target), target).mean(dim=-1)
    rigid, reflected = procrustes_distances(pred, target)
    errors = {
        "mpjpe": distances(pred * in_plane_scale(pred, target), target).mean(dim=-1),
        "n_mpjpe": joint_errors.mean(dim=-1),
        "mpjpe_norm_scaled": distances(pred * norm_scale(pred, target), target).mean(dim=-1),
        "p_mpjpe": rigid.mean(dim=-1),
        "pck150": 100 * (joint_errors < PCK_THRESHOLD_MM).to(joint_errors.dtype).mean(dim=-1),
        "auc": _auc(joint_errors),
        "p_mpjpe_reflected": reflected.mean(dim=-1),
        "mpjpe_flip": torch.minimum(joint_errors.mean(dim=-1), flipped_error),
    }
    of_joints = {"n_mpjpe": joint_errors, "p_mpjpe": rigid}
    return {name: error.where(finite, torch.nan) for name, error in errors.items()}, of_joints


def _root_centred(pred: Tensor, target: Tensor, scored: Sequence[int] | None) -> tuple[Tensor, Tensor, Tensor]:
    """Root-relative scored joints in at least float32, the prediction's largest coordinate made 1, and who is finite.

    Poses that are not finite become zeros: a singular value decomposition would refuse them all.
    """
    if pred.shape != target.shape or pred.shape[-2:] != (NUM_JOINTS, 3):
        raise ValueError(
            f"expected two sets of poses of one shape (..., {NUM_JOINTS}, 3), "
            f"got predictions {tuple(pred.shape)} and ground truth {tuple(target.shape)}"
        )
    precision = torch.promote_types(torch.promote_types(pred.dtype, target.dtype), torch.float32)
    pred, target = root_relative(pred.to(precision)), root_relative(target.to(precision))
    if scored is not None:
        pred, target = pred[..., list(scored), :], target[..., list(scored), :]
    size = pred.abs().amax(dim=(-2, -1), keepdim=True)
    finite = torch.isfinite(size) & torch.isfinite(target.abs().amax(dim=(-2, -1), keepdim=True))
    pred = (pred / size.clamp(min=torch.finfo(precision).tiny)).where(finite, 0.0)
    return pred, target.where(finite, 0.0), finite.squeeze((-2, -1))


def _auc(joint_errors: Tensor) -> Tensor:
    """In closed form: an error e is below the thresholds from step floor(e / 5) + 1 to step 30."""
    steps = round(PCK_THRESHOLD_MM / AUC_STEP_MM)
    passed = (steps - (joint_errors / AUC_STEP_MM).floor()).clamp(min=0)
    return 100 * passed.mean(dim=-1) / (steps + 1)


def within_radii(
    pred: Pose3D, target: Pose3D, radius: PerJoint, scored: Sequence[int] | None = None
) -> Bool[Tensor, "*batch some"]:
    """Whether each joint is within its radius, in the prediction's unit, of the true one, after N-MPJPE's alignment.

    The root, which is at the origin by definition, is left out.
    """
    joints = [joint for joint in scored or range(NUM_JOINTS) if joint != ROOT]
    pred, target = (root_relative(poses)[..., joints, :] for poses in (pred, target))
    scale = least_squares_scale(pred, target)
    return distances(scale * pred, target) <= scale[..., 0] * radius[..., joints]


class PoseErrors(Metric):
    """Means of all figures over a data set, the same however it is split into batches or processes.

    The headline is the mean over the actions' means, as is usual on Human3.6M: each of its 15 actions weighs the
    same however long its videos are. Poses with NaN or infinity are skipped and counted.

    Args:
        action_names: the names that `actions` indexes; empty if the data has no actions.
        scored: the joints that count; all 17 if None.
    """

    full_state_update = False
    sums: Tensor
    joint_sums: Tensor
    counts: Tensor
    skipped: Tensor
    within: Tensor
    radii: Tensor

    def __init__(self, action_names: Sequence[str] = (), scored: Sequence[int] | None = None) -> None:
        super().__init__()
        self.action_names, self.scored = tuple(action_names), scored
        groups = max(1, len(self.action_names))
        self.add_state("sums", torch.zeros(groups, len(FIGURES), dtype=torch.float64), dist_reduce_fx="sum")
        self.joints = [JOINTS[joint] for joint in (range(NUM_JOINTS) if scored is None else scored)]
        zeros = torch.zeros(len(OF_JOINTS), len(self.joints), dtype=torch.float64)
        self.add_state("joint_sums", zeros, dist_reduce_fx="sum")
        self.add_state("counts", torch.zeros(groups, dtype=torch.int64), dist_reduce_fx="sum")
        for name in ("skipped", "within", "radii"):
            self.add_state(name, torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self,
        pred: Float[Tensor, "batch joint 3"],
        target: Float[Tensor, "batch joint 3"],
        actions: Int[Tensor, " batch"] | None = None,
        radius: Float[Tensor, "batch joint"] | None = None,
    ) -> None:
        """Adds a batch of poses (N, 17, 3), the ground truth in mm, their actions (N,) and the joints' radii (N, 17).

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
        by_name, of_joints = _errors(pred, target, self.scored)
        errors = torch.stack([by_name[name] for name in FIGURES], dim=-1)
        finite = errors.isfinite().all(dim=-1, keepdim=True)
        member = (actions[:, None] == torch.arange(groups, device=actions.device)) & finite
        # A product with 0 and 1, unlike index_add, gives the same bits on every run of a GPU.
        self.sums += member.double().mT @ errors.where(finite, 0.0).double()
        for row, name in zip(self.joint_sums, OF_JOINTS, strict=True):
            row += of_joints[name].where(finite, 0.0).double().sum(dim=0)
        self.counts += member.sum(dim=0)
        self.skipped += (~finite).sum()
        if radius is not None:
            held = within_radii(pred, target, radius, self.scored)
            self.within += held.sum()
            self.radii += held.numel()

    def compute(self) -> dict[str, Any]:
        """The figures as a nested dict of plain numbers.

        Returns:
            The `HEADLINES` by name, "oracles" (name -> value), "mean_over_poses" (every pose weighs the same, not
            every action), "per_action" (name -> its figures and "poses"), "per_joint" (name -> the figures of
            `OF_JOINTS`, every pose weighing the same), "poses", "skipped" and, of a prediction with radii,
            "radii_hold": the percentage of joints that lie within theirs, see `within_radii`.

        Raises:
            ValueError: if no pose has been scored.
        """
        seen = self.counts > 0
        if not seen.any():
            raise ValueError(f"there is nothing to score: of {int(self.skipped)} poses none is complete and finite")
        means = self.sums[seen] / self.counts[seen, None]
        names = [name for name, present in zip(self.action_names, seen.tolist(), strict=False) if present]
        rows = zip(names, means.tolist(), self.counts[seen].tolist(), strict=False)
        of_joints = (self.joint_sums / self.counts.sum()).mT.tolist()
        return {
            **_named(means.mean(dim=0).tolist()),
            "mean_over_poses": _named((self.sums.sum(dim=0) / self.counts.sum()).tolist()),
            "per_action": {name: {**_named(row), "poses": poses} for name, row, poses in rows},
            "per_joint": {
                joint: dict(zip(OF_JOINTS, row, strict=True)) for joint, row in zip(self.joints, of_joints, strict=True)
            },
            "poses": int(self.counts.sum()),
            "skipped": int(self.skipped),
            **({"radii_hold": 100 * int(self.within) / int(self.radii)} if self.radii else {}),
        }


def _named(row: list[float]) -> dict[str, Any]:
    """A row of figures as {headline: value, ..., "oracles": {name: value}}."""
    figures = dict(zip(FIGURES, row, strict=True))
    return {**{name: figures[name] for name in HEADLINES}, "oracles": {name: figures[name] for name in ORACLES}}
