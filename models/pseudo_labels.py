"""The teacher: people whose depths are known, generated ones and, towards the end of a run, lifted ones."""

from collections.abc import Callable

import torch
from torch import Tensor

from datasets.synthetic.people import SyntheticPeople, as_detected, depth_target
from datasets.synthetic.retargeting import retarget_to_body
from losses.priors import depth_loss
from utils.geometry import CAMERA_DISTANCE, lift_to_camera, root_relative

HELD_OUT_PEOPLE = 1024
"""People in the label-free figure."""
LIFTED_FROM = 0.5
"""From which share of the run on lifted people are taught: before it they would teach a lifter its own errors."""


class Teacher:
    """Draws people, and says how wrong the depths are that a lifter gives them.

    Args:
        noise: a detector's errors on their 2D poses (`datasets.synthetic.people.as_detected`); 0 for none.
        lifted_share: share of the people that are lifted ones once their time has come; 1 if there are no others.
        elevation_deg: mean and standard deviation of the angle by which cameras look down, on both kinds of people.
        device: where the people are made; the generators passed in must live there.
    """

    def __init__(
        self,
        noise: float,
        lifted_share: float,
        elevation_deg: tuple[float, float] = (8.0, 6.0),
        device: str | torch.device = "cpu",
    ) -> None:
        self.noise, self.lifted_share = noise, lifted_share
        self.generated = SyntheticPeople(device, elevation_deg)

    def has_people(self, done: float) -> bool:
        """Whether there is anybody to teach with after this share of the run: lifted people alone come late."""
        return self.lifted_share < 1 or done >= LIFTED_FROM

    @torch.no_grad()
    def people(
        self, pose_norm: Tensor, done: float, lifter: Callable[[Tensor], Tensor], generator: torch.Generator
    ) -> Tensor:
        """As many people as a batch has poses: generated ones and, from `LIFTED_FROM` on, lifted ones.

        The lifted ones are the batch's own 2D poses as a lifter sees them, on bodies of published proportions.

        Args:
            pose_norm: (B, 17, 2) the batch, normalised.
            done: share of the run that is done.
            lifter: depths (n, 17) of normalised poses (n, 17, 2).
            generator: of the random numbers.

        Returns:
            (B, 17, 3) root-relative and upright, in mm.
        """
        bodies, count = self.generated.bodies, len(pose_norm)
        lifted = round(self.lifted_share * count) if done >= LIFTED_FROM else 0
        drawn = [bodies.sample(count - lifted, generator)[0]] if lifted < count else []
        if lifted:
            seen = pose_norm[:lifted]
            pose = root_relative(lift_to_camera(seen, lifter(seen)))
            drawn.append(retarget_to_body(pose, bodies, generator, self.generated.elevation_deg[0]))
        return torch.cat(drawn)

    def loss(self, lifter: Callable[[Tensor], Tensor], people_mm: Tensor, generator: torch.Generator) -> Tensor:
        """Mean depth error on upright people (N, 17, 3), each seen by a camera of its own."""
        pose_norm, offset = depth_target(self.generated.view(people_mm, generator))
        if self.noise:
            pose_norm, offset = as_detected(pose_norm, offset, self.noise, generator)
        return depth_loss(lifter(pose_norm) - CAMERA_DISTANCE, offset)

    def held_out_loss(
        self, lifter: Callable[[Tensor], Tensor], pose_norm: Tensor, generator: torch.Generator
    ) -> Tensor:
        """The loss on `HELD_OUT_PEOPLE` people, mixed as they are at the end of a run.

        The lifted ones among them are held-out 2D poses (B, 17, 2): on generated people alone a lifter that adapts
        to the poses of its 2D data would only seem to get worse.
        """
        seen = pose_norm[torch.arange(HELD_OUT_PEOPLE, device=pose_norm.device) % len(pose_norm)]
        return self.loss(lifter, self.people(seen, 1.0, lifter, generator), generator)
