/** What a video shows, averaged over past and coming moments, so that nothing lags behind. As utils/demo/smoothing.py. */

const REACH = 3;

/**
 * The people of a frame, their joints and poses weighted means over the frames around it in which they were found.
 *
 * @param frames [{time, people}, ...] in the order of time, as they were lifted; those to come may be missing.
 * @param number of the frame.
 * @param std standard deviation of the Gaussian in seconds; 0 leaves everything as it is.
 */
export function smoothedPeople(frames, number, std) {
  const { time, people } = frames[number], reach = REACH * std + 1e-6;
  if (!std) return people;
  let first = number, last = number;
  while (first > 0 && time - frames[first - 1].time <= reach) first--;
  while (last < frames.length - 1 && frames[last + 1].time - time <= reach) last++;
  const around = frames.slice(first, last + 1);
  return people.map(person => {
    const moments = around.flatMap(frame => frame.people.filter(({ id }) => id === person.id).map(
      other => ({ other, weight: Math.exp(-(((frame.time - time) / std) ** 2) / 2) })));
    return { ...person, joints: means(moments, "joints", person), pose: means(moments, "pose", person) };
  });
}

/** Means of points over moments; where joints are left out, over those moments in which they are not. */
function means(moments, name, person) {
  return person[name].map((point, joint) => {
    const seen = moments.filter(({ other }) => !other.leftOut[joint]), used = seen.length ? seen : moments;
    const total = used.reduce((sum, { weight }) => sum + weight, 0);
    return point.map((_, axis) => used.reduce((sum, { other, weight }) => sum + weight * other[name][joint][axis], 0) / total);
  });
}
