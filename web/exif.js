/** The focal length that cameras note in their pictures. */

const SEARCHED = 1 << 20, EXIF_POINTER = 0x8769, FOCAL_LENGTH_35_MM = 0xa405;

/**
 * Focal length in mm, as if on film of 36 x 24 mm, from a picture's EXIF data (JPEG, PNG, WebP, HEIC).
 *
 * @param file Blob.
 * @returns promise of a number, or of null if it is not known.
 */
export async function focalLength35(file) {
  const view = new DataView(await file.slice(0, SEARCHED).arrayBuffer());
  try {
    for (let at = 4; at < view.byteLength - 8; at++) {
      const order = view.getUint32(at), isLittle = order === 0x49492a00;
      if ((isLittle || order === 0x4d4d002a) && isMarked(view, at)) {
        const directory = entry(view, at, view.getUint32(at + 4, isLittle), EXIF_POINTER, isLittle);
        const value = directory && entry(view, at, directory, FOCAL_LENGTH_35_MM, isLittle);
        return value > 0 && value < 10_000 ? value : null;
      }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return null;
}

/** Whether "Exif", "eXIf" or "EXIF" stands just before, up to four bytes away: a length or two zeros may lie between. */
function isMarked(view, at) {
  for (let start = Math.max(at - 8, 0); start <= at - 4; start++) {
    const name = String.fromCharCode(...[0, 1, 2, 3].map(byte => view.getUint8(start + byte)));
    if (name.toLowerCase() === "exif") return true;
  }
  return false;
}

/** The number under a tag of a directory at an offset, or null. */
function entry(view, start, offset, tag, isLittle) {
  const count = view.getUint16(start + offset, isLittle);
  for (let number = 0; number < count; number++) {
    const at = start + offset + 2 + 12 * number;
    if (view.getUint16(at, isLittle) !== tag) continue;
    return view.getUint16(at + 2, isLittle) === 3 ? view.getUint16(at + 8, isLittle) : view.getUint32(at + 8, isLittle);
  }
  return null;
}
