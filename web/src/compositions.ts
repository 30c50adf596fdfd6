/** Compositions out of noise, as `tfmat/ccdcgan/sources/compositions.py` draws them. */

import type { InferenceSession } from "onnxruntime-web";
import { Conditions } from "./conditions";
import { Elements } from "./elements";
import { SourcesCard } from "./model";
import { share } from "./normal";
import { tensor } from "./runtime";
import { accepted } from "./validity";

/** Atoms of each element of a composition, and whether smact accepts it. */
export interface Composition {
  readonly counts: number[];
  readonly accepted: boolean;
}

/** Draws a composition until smact accepts it, as often as the noise allows. */
export async function composition(
  card: SourcesCard,
  session: InferenceSession,
  conditions: Conditions,
  noise: Float32Array,
  elements: Elements,
  once: boolean,
): Promise<Composition> {
  for (let draw = 0; ; draw++) {
    const part = noise.subarray(draw * card.drawNoise, (draw + 1) * card.drawNoise);
    const counts = await drawn(card, session, conditions, part);
    const found = new Map(card.elements.map((number, at) => [number, counts[at]]));
    for (const [number, count] of found) if (count === 0) found.delete(number);
    const good = accepted(found, elements);
    if (good || once || draw + 1 === card.draws) return { counts, accepted: good };
  }
}

async function drawn(
  card: SourcesCard,
  session: InferenceSession,
  conditions: Conditions,
  noise: Float32Array,
): Promise<number[]> {
  const soFar = conditions.begin();
  const count = conditions.count;
  for (let slot = 0; slot <= card.slots; slot++) {
    const seen = new Float32Array(2 * count);
    seen.set(soFar.counts);
    let made = await session.run({ so_far: tensor(seen, [1, 2 * count]) });
    const next = made.next.data as Float32Array;
    const element = choice(next, conditions.elements(soFar), share(noise[2 * slot]));
    if (element === count) break;
    seen[count + element] = 1;
    made = await session.run({ so_far: tensor(seen, [1, 2 * count]) });
    const allowed = conditions.amounts(soFar, element);
    const amount = choice(made.count.data as Float32Array, allowed, share(noise[2 * slot + 1]));
    conditions.add(soFar, element, amount + 1);
  }
  return soFar.counts;
}

/** One of those that are allowed, by the inverse of the cumulative distribution. */
function choice(logits: Float32Array, allowed: readonly boolean[], uniform: number): number {
  const highest = allowed.reduce((most, may, at) => (may ? Math.max(most, logits[at]) : most), -Infinity);
  let total = 0;
  const ends = allowed.map((may, at) => {
    // A floor, so that rounding leaves something of whatever is allowed.
    if (may) total += Math.max(Math.exp(logits[at] - highest), 1e-30);
    return total;
  });
  const height = Math.min(uniform, 1 - 1e-12) * total;
  return ends.filter((end) => end <= height).length;
}
