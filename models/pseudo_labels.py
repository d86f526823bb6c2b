"""Poses whose depth is known: synthetic ones, and pseudo-labels, the 2D data's own poses as lifted so far."""

import torch
from torch import Tensor

from datasets.synthetic.detections import as_detected
from datasets.synthetic.people import SyntheticPeople, lifter_target, nearest_on_rays
from datasets.synthetic.retargeting import retarget_to_body
from losses.priors import pose_loss, scale_loss
from losses.self_supervision import Term, Terms
from utils.config import LossConfig, ViewConfig
from utils.normalization import DETECTED, pixels_to_norm

from .lifter import Lifter

UNCERTAINTY_WEIGHT = 0.02
"""Weight of the scale's loss beside the pose's: it follows the errors and should not shape the features."""
HELD_OUT_POSES = 1024
"""Number of poses that unsupervised model selection looks at."""
PSEUDO_LABELS_FROM = 0.5
"""Fraction of a run after which pseudo-labels are used: before it they would teach the lifter its own errors."""


class LabelledPoses:
    """Draws poses of known depth, and says how wrong a lifter is about them.

    A pseudo-label is a 2D pose of the data, lifted by the averaged lifter, on a body of published proportions. Seen
    from a new side its depths are known exactly, and a lift that is somewhat wrong still shows a posture that somebody
    took.

    Args:
        losses: the weight of this supervision, the errors of the 2D poses, and the fraction of pseudo-labels.
        views: distribution of the cameras' elevation and roll.
        device: where the poses are made; the generators passed in must live there.
        pseudo_labels_from: fraction of the run after which there are pseudo-labels.
    """

    def __init__(self, losses: LossConfig, views: ViewConfig, device: torch.device, pseudo_labels_from: float) -> None:
        self.losses, self.pseudo_fraction = losses, losses.pseudo_label_fraction
        self.pseudo_labels_from = pseudo_labels_from
        self.synthetic = SyntheticPeople(device, (views.elevation_mean, views.elevation_std), views.unusual_views)

    def available(self, progress: float) -> bool:
        """Whether there are any at this fraction of the run: pseudo-labels alone come late."""
        return self.pseudo_fraction < 1 or progress >= self.pseudo_labels_from

    @torch.no_grad()
    def sample(self, pose_norm: Tensor, progress: float, lifter: Lifter, generator: torch.Generator) -> Tensor:
        """As many 3D poses as a batch has 2D poses: synthetic ones and, from mid-run on, pseudo-labels.

        Args:
            pose_norm: (B, 17, 2) the batch, normalised.
            progress: fraction of the run that is done.
            lifter: makes the pseudo-labels.
            generator: source of randomness.

        Returns:
            (B, 17, 3) root-relative and upright, in mm.
        """
        bodies, count = self.synthetic.bodies, len(pose_norm)
        pseudo = round(self.pseudo_fraction * count) if progress >= self.pseudo_labels_from else 0
        drawn = [bodies.sample(count - pseudo, generator)[0]] if pseudo < count else []
        if pseudo:
            # Annotators mark points much as detectors find them.
            pose = lifter(pose_norm[:pseudo], torch.full_like(pose_norm[:pseudo, :, 0], DETECTED)).pose
            drawn.append(retarget_to_body(pose, bodies, generator, self.synthetic.elevation_deg[0]))
        return torch.cat(drawn)

    def terms(self, lifter: Lifter, pose_mm: Tensor, generator: torch.Generator) -> Terms:
        """The errors on upright poses (N, 17, 3), each seen by a camera of its own, and those of their scales."""
        pose_norm, target = lifter_target(self.synthetic.view(pose_mm, generator))
        if not lifter.corrects_points:
            target = nearest_on_rays(pose_norm, target)
        errors = (self.losses.detector_errors, self.losses.definition_errors)
        points, confidence = as_detected(pose_norm, *errors, lifter.corrects_points, generator)
        pose_norm, _, size = pixels_to_norm(points, confidence)
        target = target / size[:, None, None]
        pose, scale = lifter(pose_norm, confidence)
        weight = self.losses.weight_supervised
        if scale is None:
            return [Term("supervised", weight, pose_loss(pose[..., 2:], target[..., 2:]))]
        distance = (pose.detach() - target).norm(dim=-1)
        return [
            Term("supervised", weight, pose_loss(pose, target)),
            Term("uncertainty", UNCERTAINTY_WEIGHT * weight, scale_loss(distance, scale)),
        ]

    def held_out_terms(self, lifter: Lifter, pose_norm: Tensor, generator: torch.Generator) -> Terms:
        """The terms on `HELD_OUT_POSES` poses, mixed as they are at the end of a run.

        Held-out 2D poses (B, 17, 2) are among them as pseudo-labels: on synthetic poses alone, a lifter that adapts to
        the poses of its 2D data would only seem to get worse.
        """
        seen = pose_norm[torch.arange(HELD_OUT_POSES, device=pose_norm.device) % len(pose_norm)]
        return self.terms(lifter, self.sample(seen, 1.0, lifter, generator), generator)
