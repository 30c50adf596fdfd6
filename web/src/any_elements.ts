/** Atomic environments of any elements, as `tfmat/ccdcgan/environments/any_elements.py` has them. */

import { Table } from "./arrays";
import { Crystal, neighbours, volume } from "./crystal";
import { Elements } from "./elements";
import { Descriptor, centresOf } from "./environments";

// Neighbours farther than so many Å are not seen.
const REACH = 5.0;
// Neighbours at a bond's length that count 1 together.
const SHELL = 4.0;
const WAYS = 5;
const [ELECTRONEGATIVITY, IONIC_RADIUS] = [0, 13];
// Widths of a Gaussian beyond which it is nothing in numbers of 32 bits.
const TAIL = 15;

/** Numbers of all atoms, and zeros behind the last, `most` rows. */
export function anyEnvironments(
  crystal: Crystal,
  descriptor: Descriptor,
  most: number,
  arrays: Readonly<Record<string, Table>>,
  elements: Elements,
): Float32Array {
  const { properties, descriptors } = arrays;
  const { numbers } = crystal;
  const centres = centresOf(descriptor);
  const own = WAYS * centres.length;
  const size = own + 1 + descriptors.width + 1;
  const rows = new Float64Array(numbers.length * size);
  const radii = numbers.map((number) => elements[number].covalent);
  for (const { first, second, distance } of neighbours(crystal, REACH)) {
    const [one, other] = [numbers[first], numbers[second]];
    const along = (property: number): number =>
      properties.at(other, property) - properties.at(one, property);
    const charge = along(ELECTRONEGATIVITY);
    const ways = [1, charge, charge ** 2, along(IONIC_RADIUS), one === other ? 1 : 0];
    const ratio = distance / (radii[first] + radii[second]);
    centres.forEach((centre, at) => {
      let off = (ratio - centre) / descriptor.width;
      // Flat below the first centre, so that atoms on one another are seen as well.
      if (at === 0) off = Math.max(off, 0);
      if (Math.abs(off) > TAIL) return;
      const height = Math.exp(-0.5 * off * off) / (SHELL * centre ** 2);
      for (let way = 0; way < WAYS; way++) {
        rows[first * size + way * centres.length + at] += ways[way] * height;
      }
    });
  }
  const spheres = radii.reduce((sum, radius) => sum + (4 / 3) * Math.PI * radius ** 3, 0);
  const room = Math.log(volume(crystal.cell) / spheres);
  numbers.forEach((number, atom) => {
    rows[atom * size + own] = 1;
    rows.set(descriptors.row(number), atom * size + own + 1);
    rows[(atom + 1) * size - 1] = room;
  });
  const padded = new Float32Array(most * size);
  padded.set(rows);
  return padded;
}
