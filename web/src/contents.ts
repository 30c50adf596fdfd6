/** Contents of cells, in the order of `tfmat/ccdcgan/sources/contents.py`, and their volume. */

import { Table } from "./arrays";
import { Elements } from "./elements";

/** Elements by atoms, then electronegativity, then atomic number. */
export interface Content {
  readonly numbers: readonly number[];
  readonly counts: readonly number[];
}

const ELECTRONEGATIVITY = 0;

/**
 * @param counts Atoms of each of `elements`, atomic numbers.
 * @param properties Of the elements, by atomic number.
 */
export function contentOf(
  counts: readonly number[],
  elements: readonly number[],
  properties: Table,
): Content {
  const there = elements
    .map((number, at) => ({ number, count: counts[at], scale: properties.at(number, ELECTRONEGATIVITY) }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => a.count - b.count || a.scale - b.scale || a.number - b.number);
  return { numbers: there.map((one) => one.number), counts: there.map((one) => one.count) };
}

export function atomCount(content: Content): number {
  return content.counts.reduce((sum, count) => sum + count, 0);
}

/** Atomic number of each atom, element by element. */
export function atomsOf(content: Content): number[] {
  return content.numbers.flatMap((number, at) => new Array<number>(content.counts[at]).fill(number));
}

/** Volume per atom that the law of `tfmat/ccdcgan/sources/volume.py` predicts, Å³. */
export function predictedVolume(
  content: Content,
  arrays: Readonly<Record<string, Table>>,
  elements: Elements,
): number {
  const { properties, volumeMiddle, volumeSpread, volumeWeights } = arrays;
  const total = atomCount(content);
  const shares = new Array<number>(properties.rows).fill(0);
  const mean = new Array<number>(properties.width).fill(0);
  const square = new Array<number>(properties.width).fill(0);
  let cubes = 0;
  content.numbers.forEach((number, at) => {
    const part = content.counts[at] / total;
    shares[number] = part;
    properties.row(number).forEach((value, column) => {
      mean[column] += part * value;
      square[column] += part * value * value;
    });
    cubes += part * elements[number].covalent ** 3;
  });
  const variance = square.map((value, column) => Math.max(value - mean[column] ** 2, 0));
  const more = [Math.cbrt(cubes), mean[0] * mean[1], Math.sqrt(variance[0]), mean[1] ** 3];
  const seen = [...shares, ...mean, ...variance, ...more];
  const weights = volumeWeights.values;
  const logarithm = seen.reduce(
    (sum, value, at) =>
      sum + ((value - volumeMiddle.values[at]) / volumeSpread.values[at]) * weights[at],
    weights[seen.length],
  );
  return Math.exp(logarithm);
}
