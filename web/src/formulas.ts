/** Formulas from a MatGAN, block by block, as `tfmat generate matgan` makes them. */

import type { InferenceSession } from "onnxruntime-web";
import { FormulaCard } from "./model";
import { blockNoise } from "./noise";
import { tensor } from "./runtime";

/** Samples of a block; a block has its own noise. */
export const BLOCK = 4096;
// So many at once keep memory small.
const BATCH = 512;

/** Atoms by atomic number of each sample of a block. */
export async function block(
  card: FormulaCard,
  session: InferenceSession,
  seed: bigint,
  number: number,
  count: number,
): Promise<Map<number, number>[]> {
  const noise = blockNoise(seed, number, count, card.latent);
  const found: Map<number, number>[] = [];
  for (let start = 0; start < count; start += BATCH) {
    const size = Math.min(BATCH, count - start);
    const rows = noise.subarray(start * card.latent, (start + size) * card.latent);
    const made = await session.run({ noise: tensor(rows, [size, card.latent]) });
    const counts = made.counts.data as Uint8Array;
    for (let row = 0; row < size; row++) {
      const own = new Map<number, number>();
      card.elements.forEach((element, at) => {
        const atoms = counts[row * card.elements.length + at];
        if (atoms > 0) own.set(element, atoms);
      });
      found.push(own);
    }
  }
  return found;
}
