/** Crystals from a package that writes them, as `tfmat/ccdcgan/writer/generating.py` makes them. */

import type { InferenceSession } from "onnxruntime-web";
import { Crystal, Vector } from "./crystal";
import { shortest, volumePerAtom } from "./contacts";
import { Elements } from "./elements";
import { environments } from "./environments";
import { WriterCard } from "./model";
import { normal } from "./noise";
import { Philox } from "./philox";
import { tensor } from "./runtime";

const CELL = 6;

export interface Wish {
  /** These elements and no others, all of them; any where empty. */
  readonly system: readonly number[];
  /** Content of the cell, by atomic number; any where empty. */
  readonly formula: ReadonlyMap<number, number>;
  readonly minAtoms: number;
  readonly maxAtoms: number;
}

export interface Written {
  readonly index: number;
  readonly status: string;
  readonly crystal: Crystal | null;
  readonly distance: number;
  readonly contact: number;
  readonly volume: number;
  /** Predicted formation energy of the crystal as it is, eV/atom. */
  readonly energy: number | null;
}

/** Rows of the table of compositions that fulfil a wish, with how often each is drawn. */
export function compositions(card: WriterCard, wish: Wish): number[][] {
  if (wish.formula.size > 0) {
    const counts = card.elements.map((number) => wish.formula.get(number) ?? 0);
    const total = counts.reduce((sum, count) => sum + count, 0);
    const known = [...wish.formula.keys()].every((number) => card.elements.includes(number));
    const fits = known && total >= wish.minAtoms && total <= Math.min(card.maxAtoms, wish.maxAtoms);
    return fits && asked(counts) ? [[...counts, 1]] : [];
  }
  function asked(counts: readonly number[]): boolean {
    return card.elements.every(
      (number, at) => wish.system.length === 0 || wish.system.includes(number) === counts[at] > 0,
    );
  }
  if (wish.system.some((number) => !card.elements.includes(number))) return [];
  return card.compositions.filter((row) => {
    const counts = row.slice(0, -1);
    const total = counts.reduce((sum, count) => sum + count, 0);
    return total >= wish.minAtoms && total <= wish.maxAtoms && asked(counts);
  });
}

/** Draws one of the compositions by the inverse of the cumulative distribution. */
export function drawn(rows: readonly number[][], value: number): number[] {
  const ends: number[] = [];
  for (const row of rows) ends.push((ends[ends.length - 1] ?? 0) + row[row.length - 1]);
  const place = 0.5 * erfc(-value * Math.SQRT1_2) * ends[ends.length - 1];
  const at = ends.findIndex((end) => end > place);
  return rows[at < 0 ? rows.length - 1 : at].slice(0, -1);
}

/** Complementary error function, to 1e-15: a series near zero, a continued fraction beyond. */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (x < 2.5) {
    let [term, sum] = [x, x];
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 120; n > 0; n--) fraction = n / 2 / (x + fraction);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction);
}

/** Writes one crystal; the same seed and index give the same one as `tfmat generate`. */
export async function write(
  card: WriterCard,
  sessions: { writer: InferenceSession; constraint?: InferenceSession },
  rows: readonly number[][],
  seed: bigint,
  index: number,
  elements: Elements,
): Promise<Written> {
  const random = new Philox([seed, BigInt(index)]);
  const counts = drawn(rows, Math.fround(normal(random)));
  const cellNumbers = CELL * card.cells;
  const numbers = cellNumbers + 3 * card.places * (card.maxAtoms - 1);
  let cell = new Float32Array(0);
  for (let attempt = 0; attempt < card.attempts; attempt++) {
    const noise = Float32Array.from({ length: numbers }, () => normal(random));
    if (attempt % card.sameCell === 0) cell = noise.slice(0, cellNumbers);
    noise.set(cell);
    const choices = Float32Array.from([...counts, ...noise]);
    const made = await sessions.writer.run({ choices: tensor(choices, [1, choices.length]) });
    if (!made.written.data[0]) continue;
    const crystal = crystalOf(made);
    return judged(card, crystal, index, elements, sessions.constraint);
  }
  const nothing = { crystal: null, distance: NaN, contact: NaN, volume: NaN, energy: null };
  return { index, status: "no place for an atom", ...nothing };
}

function crystalOf(made: InferenceSession.OnnxValueMapType): Crystal {
  const lattice = Array.from(made.lattice.data as Float32Array);
  const fractional = Array.from(made.fractional.data as Float32Array);
  const kinds = Array.from(made.numbers.data as Int32Array);
  const vector = (values: number[], at: number): Vector => values.slice(3 * at, 3 * at + 3) as Vector;
  const atoms = kinds.flatMap((kind, at) => (kind > 0 ? [at] : []));
  return {
    cell: [vector(lattice, 0), vector(lattice, 1), vector(lattice, 2)],
    places: atoms.map((at) => vector(fractional, at)),
    numbers: atoms.map((at) => kinds[at]),
  };
}

async function judged(
  card: WriterCard,
  crystal: Crystal,
  index: number,
  elements: Elements,
  constraint?: InferenceSession,
): Promise<Written> {
  const { contact, distance } = shortest(crystal, elements);
  const volume = volumePerAtom(crystal);
  const [least, most] = card.volumePerAtom ?? [0, Infinity];
  let status = "structure";
  if (contact < card.minContact) status = `atoms closer than ${card.minContact} covalent radii`;
  else if (volume < least || volume > most) status = "volume per atom unlike training";
  let energy: number | null = null;
  if (constraint && card.descriptor && status === "structure") {
    const seen = environments(crystal, card.descriptor, card.maxAtoms);
    const shape = [1, card.maxAtoms, seen.length / card.maxAtoms];
    const found = await constraint.run({ environments: tensor(seen, shape) });
    energy = Number(found.formation_energy.data[0]);
  }
  return { index, status, crystal, distance, contact, volume, energy };
}
