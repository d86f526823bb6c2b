/** Following people through a video. As utils/demo/tracking.py. */

const distance = (one, other) => Math.hypot(one[0] - other[0], one[1] - other[1]);
const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length;

/** One person through time. */
class Track {
  constructor(number, person, tables) {
    Object.assign(this, { number, mirror: tables.mirror, own: tables.constants.tracking, seen: 0, size: person.size, joints: null });
    this.swapped = this.own.SIDED.map(() => 0);
    this.jointSeen = tables.joints.map(() => -Infinity);
  }

  /** This person at a time: left and right as before, joints unseen for a moment remembered. */
  follow(person, seconds) {
    person.leftOut.forEach((out, joint) => { if (!out) this.jointSeen[joint] = seconds; });
    person = this.remember(person, seconds);
    if (this.joints) {
      const order = this.orderAsBefore(person.joints, seconds - this.seen), sorted = values => order.map(joint => values[joint]);
      person = { ...person, joints: sorted(person.joints), confidence: sorted(person.confidence), filled: sorted(person.filled) };
    }
    Object.assign(this, { seen: seconds, size: person.size, joints: person.joints });
    return person;
  }

  /** Joints that are out of sight for a moment, where they were about the body when last seen. */
  remember(person, seconds) {
    const recent = person.leftOut.map((out, joint) => out && seconds - this.jointSeen[joint] <= this.own.MEMORY_S);
    if (!this.joints || !recent.some(Boolean)) return person;
    const seen = [...this.joints.keys()].filter(joint => !person.leftOut[joint]);
    const moved = [0, 1].map(axis => mean(seen.map(joint => person.joints[joint][axis] - this.joints[joint][axis])));
    return {
      ...person,
      joints: person.joints.map((point, joint) => recent[joint] ? this.joints[joint].map((value, axis) => value + moved[axis]) : point),
      confidence: person.confidence.map((value, joint) => recent[joint] ? 0 : value),
      filled: person.filled.map((value, joint) => value || recent[joint]),
      leftOut: person.leftOut.map((value, joint) => value && !recent[joint]),
    };
  }

  /** A person, legs or arms that change sides from one frame to the next are changed back for a while. */
  orderAsBefore(joints, passed) {
    const { SIDED, GAP_S, NEAR, CONFUSED_S } = this.own;
    let order = [...joints.keys()];
    for (const [part, numbers] of SIDED.entries()) {
      const mirrored = [...order];
      for (const joint of numbers) mirrored[joint] = order[this.mirror[joint]];
      const [kept, changed] = [order, mirrored].map(other => mean(numbers.map(joint => distance(this.joints[joint], joints[other[joint]]))));
      if (passed > GAP_S || kept < NEAR * this.size || changed > kept / 2) {
        this.swapped[part] = 0;
        continue;
      }
      this.swapped[part] += passed;
      if (this.swapped[part] >= CONFUSED_S) break;
      order = mirrored;
    }
    return order;
  }

  /** How far a person is from where this one was last seen, in sizes, and the ratio of their sizes, 1 or more. */
  distance(person) {
    const size = Math.max(this.size, person.size, 1e-9);
    const seen = [...this.joints.keys()].filter(joint => !person.leftOut[joint]);
    // A detector may take left for right: that is no movement.
    const away = seen.map(joint => Math.min(...[joint, this.mirror[joint]].map(other => distance(this.joints[joint], person.joints[other]))));
    return [mean(away) / size, size / Math.max(Math.min(this.size, person.size), 1e-9)];
  }
}

/** Gives people the same number from frame to frame. */
export class Tracker {
  constructor(tables) {
    Object.assign(this, { tables, own: tables.constants.tracking, count: 0, tracks: [] });
  }

  /** The people of one frame with their tracks, [[track, person], ...] in the order of their numbers. */
  follow(people, seconds) {
    this.tracks = this.tracks.filter(track => seconds - track.seen <= this.own.FORGET_S);
    const assigned = this.assign(people, seconds), lost = this.tracks.filter(track => ![...assigned.values()].includes(track));
    const followed = [...assigned].map(([number, track]) => [track, track.follow(people[number], seconds)]);
    people.forEach((person, number) => {
      // Near a person who was lost just now, but farther off than people move, it is an error about that person.
      if (assigned.has(number) || lost.some(track => track.distance(person)[0] < this.own.FARTHEST)) return;
      const track = new Track(++this.count, person, this.tables);
      this.tracks.push(track);
      followed.push([track, track.follow(person, seconds)]);
    });
    return followed.sort(([one], [other]) => one.number - other.number);
  }

  /** Which person, by number in the list, continues which track: the cheapest of all assignments. */
  assign(people, seconds) {
    const { NEAR, SPEED, FARTHEST, SIZE_RATIO, IMPOSSIBLE } = this.own;
    const costs = people.map(person => this.tracks.map(track => {
      const [away, ratio] = track.distance(person), passed = seconds - track.seen;
      const possible = away <= Math.min(NEAR + SPEED * passed, FARTHEST) && ratio < SIZE_RATIO * (1 + passed);
      return possible ? away + Math.log(ratio) : Infinity;
    }));
    let best = { cost: Infinity, pairs: [] };
    const choose = (number, pairs, cost) => {
      if (cost >= best.cost) return;
      if (number === people.length) { best = { cost, pairs }; return; }
      costs[number].forEach((price, column) => {
        if (price < Infinity && !pairs.some(pair => pair[1] === column)) choose(number + 1, [...pairs, [number, column]], cost + price);
      });
      choose(number + 1, pairs, cost + IMPOSSIBLE);
    };
    choose(0, [], 0);
    return new Map(best.pairs.map(([number, column]) => [number, this.tracks[column]]));
  }
}
