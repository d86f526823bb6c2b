"""Poses whose depth is known: synthetic ones, and pseudo-labels, the 2D data's own poses as lifted so far."""

from collections.abc import Callable

import torch
from torch import Tensor

from datasets.synthetic.people import SyntheticPeople, as_detected, depth_target
from datasets.synthetic.retargeting import retarget_to_body
from losses.priors import depth_loss
from utils.config import LossConfig, ViewConfig
from utils.geometry import CAMERA_DISTANCE, lift_to_camera, root_relative

HELD_OUT_POSES = 1024
"""Number of poses that unsupervised model selection looks at."""
PSEUDO_LABELS_FROM = 0.5
"""Fraction of a run after which pseudo-labels are used: before it they would teach the lifter its own errors."""


class LabelledPoses:
    """Draws poses of known depth, and says how wrong the depths are that a lifter gives them.

    A pseudo-label is a 2D pose of the data, lifted by the averaged lifter, on a body of published proportions. Seen
    from a new side its depths are known exactly, and a lift that is somewhat wrong still shows a posture that somebody
    took.

    Args:
        losses: noise on the 2D poses, and the fraction of pseudo-labels.
        views: mean and standard deviation of the cameras' elevation.
        device: where the poses are made; the generators passed in must live there.
    """

    def __init__(self, losses: LossConfig, views: ViewConfig, device: str | torch.device = "cpu") -> None:
        self.noise, self.pseudo_fraction = losses.supervised_noise, losses.pseudo_label_fraction
        self.synthetic = SyntheticPeople(device, (views.elevation_mean, views.elevation_std))

    def available(self, progress: float) -> bool:
        """Whether there are any at this fraction of the run: pseudo-labels alone come late."""
        return self.pseudo_fraction < 1 or progress >= PSEUDO_LABELS_FROM

    @torch.no_grad()
    def sample(
        self, pose_norm: Tensor, progress: float, lifter: Callable[[Tensor], Tensor], generator: torch.Generator
    ) -> Tensor:
        """As many 3D poses as a batch has 2D poses: synthetic ones and, from mid-run on, pseudo-labels.

        Args:
            pose_norm: (B, 17, 2) the batch, normalised.
            progress: fraction of the run that is done.
            lifter: depths (n, 17) of normalised poses (n, 17, 2).
            generator: source of randomness.

        Returns:
            (B, 17, 3) root-relative and upright, in mm.
        """
        bodies, count = self.synthetic.bodies, len(pose_norm)
        pseudo = round(self.pseudo_fraction * count) if progress >= PSEUDO_LABELS_FROM else 0
        drawn = [bodies.sample(count - pseudo, generator)[0]] if pseudo < count else []
        if pseudo:
            seen = pose_norm[:pseudo]
            pose = root_relative(lift_to_camera(seen, lifter(seen)))
            drawn.append(retarget_to_body(pose, bodies, generator, self.synthetic.elevation_deg[0]))
        return torch.cat(drawn)

    def loss(self, lifter: Callable[[Tensor], Tensor], pose_mm: Tensor, generator: torch.Generator) -> Tensor:
        """Mean depth error on upright poses (N, 17, 3), each seen by a camera of its own."""
        pose_norm, offset = depth_target(self.synthetic.view(pose_mm, generator))
        if self.noise:
            pose_norm, offset = as_detected(pose_norm, offset, self.noise, generator)
        return depth_loss(lifter(pose_norm) - CAMERA_DISTANCE, offset)

    def held_out_loss(
        self, lifter: Callable[[Tensor], Tensor], pose_norm: Tensor, generator: torch.Generator
    ) -> Tensor:
        """The loss on `HELD_OUT_POSES` poses, mixed as they are at the end of a run.

        Held-out 2D poses (B, 17, 2) are among them as pseudo-labels: on synthetic poses alone, a lifter that adapts to
        the poses of its 2D data would only seem to get worse.
        """
        seen = pose_norm[torch.arange(HELD_OUT_POSES, device=pose_norm.device) % len(pose_norm)]
        return self.loss(lifter, self.sample(seen, 1.0, lifter, generator), generator)
