/** Crystals out of what a writing network gives. */

import type { InferenceSession } from "onnxruntime-web";
import { Crystal, Vector } from "./crystal";

/** The crystal in one row of the outputs; null where no place was found for an atom. */
export function writtenCrystal(made: InferenceSession.OnnxValueMapType, row: number): Crystal | null {
  if (!made.written.data[row]) return null;
  const kinds = made.numbers.data as Int32Array;
  const atoms = kinds.length / made.written.data.length;
  const vector = (values: Float32Array, at: number): Vector =>
    Array.from(values.subarray(3 * at, 3 * at + 3)) as Vector;
  const lattice = made.lattice.data as Float32Array;
  const fractional = made.fractional.data as Float32Array;
  const there = Array.from({ length: atoms }, (_, at) => row * atoms + at).filter((at) => kinds[at] > 0);
  return {
    cell: [vector(lattice, 3 * row), vector(lattice, 3 * row + 1), vector(lattice, 3 * row + 2)],
    places: there.map((at) => vector(fractional, at)),
    numbers: there.map((at) => kinds[at]),
  };
}
