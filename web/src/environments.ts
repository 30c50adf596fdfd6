/** Atomic environments as `tfmat/ccdcgan/environments/descriptor.py` has them: 57 numbers an atom. */

import { Crystal, neighbours } from "./crystal";
import { volumePerAtom } from "./contacts";

export interface Descriptor {
  /** Rows of distances for each element of a system, or for elements by what they are like. */
  readonly form: "elements" | "any";
  /** Atomic numbers in the order of their rows. */
  readonly numbers: readonly number[];
  readonly shortest: number;
  readonly longest: number;
  readonly spacing: number;
  readonly width: number;
}

const TAIL = 5.0;
const UNIT_DISTANCE = 3.0;
const UNIT_VOLUME = 30.0;

/** Middles of the Gaussians of distance. */
export function centresOf({ shortest, longest, spacing }: Descriptor): number[] {
  const count = Math.round((longest - shortest) / spacing) + 1;
  return Array.from({ length: count }, (_, at) => shortest + spacing * at);
}

/** Numbers of all atoms, and zeros behind the last, `most` rows. */
export function environments(crystal: Crystal, descriptor: Descriptor, most: number): Float32Array {
  const { numbers, spacing, width } = descriptor;
  const centres = centresOf(descriptor);
  const size = numbers.length * (centres.length + 1) + 1;
  const rows = new Float64Array(crystal.numbers.length * size);
  const rowOf = crystal.numbers.map((number) => numbers.indexOf(number));
  const last = centres[centres.length - 1];
  for (const { first, second, distance } of neighbours(crystal, last + TAIL * width)) {
    const start = first * size + rowOf[second] * centres.length;
    centres.forEach((centre, at) => {
      // Flat below the first centre, so that atoms on one another are seen as well.
      const off = at === 0 ? Math.max(distance - centre, 0) : distance - centre;
      if (Math.abs(off) > TAIL * width + spacing) return;
      const height = Math.exp(-0.5 * (off / width) ** 2);
      rows[start + at] += height * (UNIT_DISTANCE / centre) ** 2;
    });
  }
  const room = Math.log(volumePerAtom(crystal) / UNIT_VOLUME);
  rowOf.forEach((element, atom) => {
    rows[atom * size + numbers.length * centres.length + element] = 1;
    rows[atom * size + size - 1] = room;
  });
  const padded = new Float32Array(most * size);
  padded.set(rows);
  return padded;
}
