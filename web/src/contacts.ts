/** How close the atoms of a crystal come, as `tfmat/crystals/contacts.py` has it. */

import { Crystal, neighbours, volume } from "./crystal";
import { Elements } from "./elements";

export function volumePerAtom(crystal: Crystal): number {
  return volume(crystal.cell) / crystal.numbers.length;
}

/** Shortest distance over the sum of the covalent radii, and the shortest distance in Å. */
export function shortest(crystal: Crystal, elements: Elements): { contact: number; distance: number } {
  const radii = crystal.numbers.map((number) => elements[number].covalent);
  // No packing of equal spheres is denser than fcc; a longer pair wins by the ratio of radii alone.
  const spacing = 1.13 * Math.cbrt(volumePerAtom(crystal));
  const pairs = neighbours(crystal, (spacing * Math.max(...radii)) / Math.min(...radii));
  let [contact, distance] = [Infinity, Infinity];
  for (const pair of pairs) {
    contact = Math.min(contact, pair.distance / (radii[pair.first] + radii[pair.second]));
    distance = Math.min(distance, pair.distance);
  }
  return { contact, distance };
}
