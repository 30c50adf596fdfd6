/** Crystals from a package that writes them, as `tfmat/ccdcgan/writer/generating.py` makes them. */

import type { InferenceSession } from "onnxruntime-web";
import { Elements } from "./elements";
import { STRUCTURE, energies, judged, madeOf, nothing } from "./judging";
import { Made, WriterCard, Wish } from "./model";
import { normal } from "./noise";
import { share } from "./normal";
import { Philox } from "./philox";
import { tensor } from "./runtime";
import { writtenCrystal } from "./written";

const CELL = 6;

/** Rows of the table of compositions that fulfil a wish, with how often each is drawn. */
export function compositions(card: WriterCard, wish: Wish): number[][] {
  if (wish.formula.size > 0) {
    const counts = card.elements.map((number) => wish.formula.get(number) ?? 0);
    const total = counts.reduce((sum, count) => sum + count, 0);
    const known = [...wish.formula.keys()].every((number) => card.elements.includes(number));
    const fits = known && total >= wish.atoms[0] && total <= Math.min(card.maxAtoms, wish.atoms[1]);
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
    return total >= wish.atoms[0] && total <= wish.atoms[1] && asked(counts);
  });
}

/** Draws one of the compositions by the inverse of the cumulative distribution. */
export function drawn(rows: readonly number[][], value: number): number[] {
  const ends: number[] = [];
  for (const row of rows) ends.push((ends[ends.length - 1] ?? 0) + row[row.length - 1]);
  const place = share(value) * ends[ends.length - 1];
  const at = ends.findIndex((end) => end > place);
  return rows[at < 0 ? rows.length - 1 : at].slice(0, -1);
}

/** Writes one crystal; the same seed and index give the same one as `tfmat generate`. */
export async function write(
  card: WriterCard,
  sessions: { writer: InferenceSession; constraint?: InferenceSession },
  rows: readonly number[][],
  seed: bigint,
  index: number,
  elements: Elements,
): Promise<Made> {
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
    const crystal = writtenCrystal(made, 0);
    if (crystal === null) continue;
    const verdict = judged(card, crystal, elements);
    const whole = verdict.status === STRUCTURE ? [crystal] : [];
    const [energy = null] = await energies(card, whole, elements, {}, sessions.constraint);
    return madeOf(index, crystal, verdict, energy, "writer", "");
  }
  return nothing(index, "no place for an atom");
}
