/**
 * How people on a floor are drawn on a 2D canvas: an orthographic camera, a floor, soft shadows, round limbs.
 *
 * The world has the axes of the poses: x right, y down, z away from the camera that took the picture. The floor is
 * y = 0. All lengths are in the poses' unit, the mean distance of a person's joints from the hip.
 */

const FLOOR_CELL = 0.5, LARGE_FLOOR = 3.5, ROOM = 0.91, MIDDLE = 0.48, ARM = 1.4;
const FOG = 0.25, GUESSED_FADE = 0.55, LIGHT = [-0.45, -0.72, -0.53];
const AMBIENT = 0.62, DIFFUSE = 0.5, GLOSS = 76;

/**
 * The camera for a view of a stage.
 *
 * @param view {azimuth, elevation} in degrees, {zoom}, and {pan} in pixels of the canvas.
 * @param stage {x, z, radius, reach, height}: the middle and the radius of the floor, how far from the middle limbs may
 *   reach, and the height of the tallest person.
 */
export function cameraOf(view, stage, width, height) {
  const [ca, sa, ce, se] = [view.azimuth, view.elevation].flatMap(deg => {
    const angle = deg * Math.PI / 180;
    return [Math.cos(angle), Math.sin(angle)];
  });
  const { reach } = stage, back = Math.max(stage.height * ce + Math.max(reach - ARM, 0) * se, reach * se);
  const fit = Math.min(width / (2 * reach), ROOM * height / (back + reach * se));
  const scale = view.zoom * fit;
  return { ca, sa, ce, se, scale, stage, width, height, x: width / 2 + view.pan[0],
           y: MIDDLE * height + view.pan[1] + scale * (back - reach * se) / 2 };
}

/** Column and row in the canvas, and the depth in the same unit. */
export function project(camera, [x, y, z]) {
  const { ca, sa, ce, se, scale, stage } = camera, dx = x - stage.x, dz = z - stage.z;
  const across = ca * dx + sa * dz, away = ca * dz - sa * dx;
  return [camera.x + scale * across, camera.y + scale * (ce * y - se * away), scale * (se * y + ce * away)];
}

/** Lets the pen draw in the floor's x and z. */
function onFloor(pen, { ca, sa, se, scale, stage, x, y }) {
  pen.setTransform(scale * ca, scale * se * sa, scale * sa, -scale * se * ca, x, y);
  pen.translate(-stage.x, -stage.z);
}

/** Clears the canvas and draws the floor: a disc with a grid that fades out towards its rim. */
export function drawFloor(pen, camera, theme) {
  const { stage: { x, z, radius }, width, height } = camera, pixel = pen.canvas.width / pen.canvas.clientWidth || 1;
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = theme.floor;
  pen.fillRect(0, 0, width, height);
  pen.beginPath();
  const cell = radius > LARGE_FLOOR ? 2 * FLOOR_CELL : FLOOR_CELL;
  const line = (from, to) => { pen.moveTo(...project(camera, from)); pen.lineTo(...project(camera, to)); };
  for (let at = Math.ceil((x - radius) / cell) * cell; at < x + radius; at += cell) {
    line([at, 0, z - radius], [at, 0, z + radius]);
  }
  for (let at = Math.ceil((z - radius) / cell) * cell; at < z + radius; at += cell) {
    line([x - radius, 0, at], [x + radius, 0, at]);
  }
  pen.strokeStyle = theme.grid; pen.lineWidth = pixel; pen.stroke();
  onFloor(pen, camera);
  const rim = pen.createRadialGradient(x, z, 0, x, z, radius);
  rim.addColorStop(0.45, "#000f"); rim.addColorStop(1, "#0000");
  pen.globalCompositeOperation = "destination-in"; pen.fillStyle = rim;
  pen.fillRect(x - 9 * radius, z - 9 * radius, 18 * radius, 18 * radius);
  pen.globalCompositeOperation = "source-over";
  pen.setTransform(1, 0, 0, 1, 0, 0);
}

/** The shadow of a person on the floor, darker and sharper under limbs near to it: {canvas, x, z, side}. */
export function shadowOf(bones, colour) {
  const SIDE = 80, canvas = document.createElement("canvas"), ink = new Float32Array(SIDE * SIDE);
  const [left, near, right, far] = boxOf(bones.flatMap(({ from, to }) => [from, to]).map(p => [p[0], p[2]]));
  const side = Math.max(right - left, far - near) + 2, x0 = (left + right - side) / 2, z0 = (near + far - side) / 2;
  for (const { from, to } of bones) {
    const dx = to[0] - from[0], dz = to[2] - from[2], square = Math.max(dx * dx + dz * dz, 1e-9);
    const reach = 3 * (0.1 + 0.22 * Math.max(-from[1], -to[1])), cell = side / SIDE;
    const span = (one, two, start) => [Math.max(Math.floor((Math.min(one, two) - reach - start) / cell), 0),
                                       Math.min(Math.ceil((Math.max(one, two) + reach - start) / cell), SIDE)];
    const [firstRow, lastRow] = span(from[2], to[2], z0), [first, last] = span(from[0], to[0], x0);
    for (let row = firstRow; row < lastRow; row++) {
      for (let column = first; column < last; column++) {
        const x = x0 + (column + 0.5) * cell - from[0], z = z0 + (row + 0.5) * cell - from[2];
        const share = Math.min(Math.max((x * dx + z * dz) / square, 0), 1);
        const height = -from[1] - share * (to[1] - from[1]), blur = 0.1 + 0.22 * height;
        const away = ((x - share * dx) ** 2 + (z - share * dz) ** 2) / (blur * blur);
        const value = away < 9 ? 0.6 * Math.exp(-away) / (1 + 1.75 * height) : 0, at = row * SIDE + column;
        if (value > ink[at]) ink[at] = value;
      }
    }
  }
  canvas.width = canvas.height = SIDE;
  const pen = canvas.getContext("2d"), picture = pen.createImageData(SIDE, SIDE);
  ink.forEach((value, at) => picture.data.set([...colour, 255 * value], 4 * at));
  pen.putImageData(picture, 0, 0);
  return { canvas, x: x0, z: z0, side };
}

/** Lays a shadow on the floor. */
export function drawShadow(pen, camera, { canvas, x, z, side }) {
  onFloor(pen, camera);
  pen.drawImage(canvas, x, z, side, side);
  pen.setTransform(1, 0, 0, 1, 0, 0);
}

/** Clouds around joints, as wide as the joints are uncertain: [{at, radius, colour}]. */
export function drawClouds(pen, camera, clouds) {
  for (const { at, radius, colour } of clouds) {
    const [x, y] = project(camera, at), wide = radius * camera.scale;
    const cloud = pen.createRadialGradient(x, y, 0, x, y, wide);
    for (const [stop, alpha] of [[0, 0.42], [0.6, 0.28], [0.9, 0.18], [1, 0]]) {
      cloud.addColorStop(stop, `rgb(${colour.map(Math.round).join(" ")} / ${alpha})`);
    }
    pen.fillStyle = cloud;
    pen.fillRect(x - wide, y - wide, 2 * wide, 2 * wide);
  }
}

/**
 * Draws round limbs, smooth at their edges, that hide each other as they should.
 *
 * @param layer from `createLayer`.
 * @param bones [{from, to, radii, colour, guessed}] in the world.
 * @param haze [r, g, b] that far limbs fade to.
 */
export function drawLimbs(pen, camera, layer, bones, haze) {
  if (!bones.length) return;
  layer.clear(camera.width, camera.height);
  const limbs = bones.map(bone => ({ ...bone, a: project(camera, bone.from), b: project(camera, bone.to) }));
  const depth = limb => (limb.a[2] + limb.b[2]) / 2, depths = limbs.map(depth);
  const near = Math.min(...depths), far = Math.max(...depths, near + camera.scale);
  // The farthest first, so that smooth edges lie over what is behind them.
  for (const limb of limbs.sort((one, other) => depth(other) - depth(one))) {
    const fog = FOG * (depth(limb) - near) / (far - near), pale = 1 - (1 - fog) * (limb.guessed ? 1 - GUESSED_FADE : 1);
    const colour = limb.colour.map((value, i) => value * (1 - pale) + haze[i] * pale);
    shadeLimb(layer, limb.a, limb.b, limb.radii.map(radius => radius * camera.scale), colour);
  }
  pen.drawImage(layer.finished(), 0, 0);
}

/** Colours and depths of the canvas's pixels, kept from one frame to the next. */
export function createLayer() {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  let picture = null;
  const layer = {
    clear(width, height) {
      if (!picture || layer.width !== width || layer.height !== height) {
        Object.assign(layer, { width, height, depths: new Float32Array(width * height) });
        Object.assign(canvas, { width, height });
        picture = pen.createImageData(width, height);
        layer.pixels = picture.data;
      }
      layer.pixels.fill(0);
      layer.depths.fill(Infinity);
    },
    finished() { pen.putImageData(picture, 0, 0); return canvas; },
  };
  return layer;
}

/** One limb, thicker at one end than at the other and lit from the upper left, pixel by pixel. */
function shadeLimb({ width, height, pixels, depths }, a, b, radii, colour) {
  const dx = b[0] - a[0], dy = b[1] - a[1], square = Math.max(dx * dx + dy * dy, 1e-9), wide = Math.max(...radii) + 1;
  const [left, top, right, bottom] = boxOf([a, b]), slant = wide * Math.sqrt(square) / Math.max(Math.abs(dy), 1e-6);
  for (let y = Math.max(Math.floor(top - wide), 0); y <= Math.min(Math.ceil(bottom + wide), height - 1); y++) {
    const along = Math.abs(dy) < 1 ? NaN : a[0] + (y - a[1]) * dx / dy;
    const first = Math.max(left - wide, isNaN(along) ? -Infinity : along - slant, 0);
    const last = Math.min(right + wide, isNaN(along) ? Infinity : along + slant, width - 1);
    for (let x = Math.floor(first); x <= last; x++) {
      const share = Math.min(Math.max(((x - a[0]) * dx + (y - a[1]) * dy) / square, 0), 1);
      const ox = x - a[0] - share * dx, oy = y - a[1] - share * dy, off = ox * ox + oy * oy;
      const radius = radii[0] + (radii[1] - radii[0]) * share, cover = Math.min(radius - Math.sqrt(off) + 0.5, 1);
      if (cover <= 0) continue;
      const bulge = Math.sqrt(Math.max(radius * radius - off, 0)), at = y * width + x;
      const depth = a[2] + (b[2] - a[2]) * share - bulge;
      if (depth >= depths[at]) continue;
      const facing = Math.max((ox * LIGHT[0] + oy * LIGHT[1] - bulge * LIGHT[2]) / radius, 0);
      const light = AMBIENT + DIFFUSE * facing, gloss = GLOSS * facing ** 12;
      blend(pixels, 4 * at, cover, colour, light, gloss);
      if (cover === 1) depths[at] = depth;
    }
  }
}

function blend(pixels, at, cover, colour, light, gloss) {
  const under = pixels[at + 3] / 255 * (1 - cover), alpha = cover + under;
  for (let i = 0; i < 3; i++) {
    pixels[at + i] = ((colour[i] * light + gloss) * cover + pixels[at + i] * under) / alpha;
  }
  pixels[at + 3] = 255 * alpha;
}

/** [lowest x, lowest y, highest x, highest y] of some points. */
export function boxOf(points) {
  return points.reduce(([left, top, right, bottom], [x, y]) => [Math.min(left, x), Math.min(top, y), Math.max(right, x),
                       Math.max(bottom, y)], [Infinity, Infinity, -Infinity, -Infinity]);
}
