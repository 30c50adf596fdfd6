/** The noise of `tfmat/inference/noise.py`, number by number, so that a seed means the same here. */

import { Philox } from "./philox";
import tables from "./ziggurat.json";

const BLOCK = 4096;
const TAIL = 3.6541528853610088;
const bounds = tables.double.bounds.map(Number);
const single = {
  widths: Float32Array.from(tables.single.widths),
  heights: Float32Array.from(tables.single.heights),
};

/** A standard normal number, as NumPy draws a float64. */
export function normal(random: Philox): number {
  for (;;) {
    random.next64();
    const strip = random.low & 0xff;
    // 52 bits, of which the lower 23 lie in the lower half.
    const size = (random.low >>> 9) + (random.high & 0x1fffffff) * 8388608;
    const distance = size * tables.double.widths[strip];
    const minus = random.low & 0x100;
    const below = (random.low >>> 17) & 1;
    const found = minus ? -distance : distance;
    if (size < bounds[strip]) return found;
    if (strip === 0) {
      const beyond = tail(() => random.nextDouble());
      return below ? -beyond : beyond;
    }
    const [upper, lower] = [tables.double.heights[strip - 1], tables.double.heights[strip]];
    if ((upper - lower) * random.nextDouble() + lower < Math.exp(-0.5 * found * found)) return found;
  }
}

/** A standard normal number, as NumPy draws a float32. */
export function normalSingle(random: Philox): number {
  for (;;) {
    const bits = random.next32();
    const strip = bits & 0xff;
    const size = (bits >>> 9) & 0x007fffff;
    const distance = Math.fround(size * single.widths[strip]);
    const found = bits & 0x100 ? -distance : distance;
    if (size < tables.single.bounds[strip]) return found;
    if (strip === 0) {
      const beyond = singleTail(random);
      return (size >>> 8) & 1 ? -beyond : beyond;
    }
    const [upper, lower] = [single.heights[strip - 1], single.heights[strip]];
    const step = Math.fround(upper - lower);
    const height = Math.fround(Math.fround(step * random.nextSingle()) + lower);
    if (height < Math.exp(-0.5 * found * found)) return found;
  }
}

/** Beyond the last strip, by two exponential numbers. */
function tail(uniform: () => number): number {
  for (;;) {
    const x = -Math.log1p(-uniform()) / TAIL;
    const y = -Math.log1p(-uniform());
    if (y + y > x * x) return TAIL + x;
  }
}

/** The same in numbers of 32 bits, each step rounded as there. */
function singleTail(random: Philox): number {
  const end = Math.fround(TAIL);
  const inverse = Math.fround(1 / TAIL);
  for (;;) {
    const x = Math.fround(-inverse * Math.fround(Math.log1p(-random.nextSingle())));
    const y = -Math.fround(Math.log1p(-random.nextSingle()));
    if (Math.fround(y + y) > Math.fround(x * x)) return Math.fround(end + x);
  }
}

/** `vector_noise`: the numbers of one structure. */
export function vectorNoise(seed: bigint, index: number, length: number): Float32Array {
  const random = new Philox([seed, BigInt(index)]);
  const numbers = new Float32Array(length);
  for (let place = 0; place < length; place++) numbers[place] = normal(random);
  return numbers;
}

/** `block_noise`: a generator for each block of 4096 samples, from the first sample on. */
export function blockNoise(seed: bigint, block: number, count: number, length: number): Float32Array {
  const size = Math.min(count, BLOCK) * length;
  const rows = new Float32Array(size);
  const random = new Philox([seed, BigInt(block)]);
  for (let place = 0; place < size; place++) rows[place] = normalSingle(random);
  return rows;
}
