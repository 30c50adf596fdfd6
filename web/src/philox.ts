/**
 * Philox4x64-10, a random generator that can start anywhere (Salmon et al., "Parallel random
 * numbers: as easy as 1, 2, 3", SC11), in the order of NumPy's `Philox`. Words of 64 bits are pairs
 * of 32, the lower half first: many times faster than BigInt.
 */

type Word = readonly [low: number, high: number];

const RANGE = 4294967296;
const MULTIPLIERS: readonly Word[] = [word(0xd2e7470ee14c6c93n), word(0xca5a826395121157n)];
const WEYL = [0x9e3779b97f4a7c15n, 0xbb67ae8584caa73bn];
const ROUNDS = 10;

function word(value: bigint): Word {
  return [Number(value & 0xffffffffn), Number((value >> 32n) & 0xffffffffn)];
}

export class Philox {
  /** Halves of the 64 bits that were drawn last. */
  low = 0;
  high = 0;
  private counter = 0;
  private readonly buffer = new Uint32Array(8);
  private used = 8;
  private half: number | null = null;
  /** Both words of the key in each round. */
  private readonly keys = new Uint32Array(4 * ROUNDS);
  private readonly products = [new Uint32Array(4), new Uint32Array(4)] as const;

  /** @param key Two words: here a seed and an index. */
  constructor(key: readonly [bigint, bigint]) {
    for (let round = 0; round < ROUNDS; round++) {
      const own = key.map((part, at) => word(part + BigInt(round) * WEYL[at]));
      this.keys.set(own.flat(), 4 * round);
    }
  }

  /** Draws 64 bits, into `low` and `high`. */
  next64(): void {
    if (this.used === 8) this.fill();
    this.low = this.buffer[this.used];
    this.high = this.buffer[this.used + 1];
    this.used += 2;
  }

  /** The next 32 bits: the lower half of 64, then the upper one. */
  next32(): number {
    if (this.half !== null) {
      const kept = this.half;
      this.half = null;
      return kept;
    }
    this.next64();
    this.half = this.high;
    return this.low;
  }

  /** Uniform in [0, 1), of 53 bits. */
  nextDouble(): number {
    this.next64();
    return (this.high * 2097152 + (this.low >>> 11)) / 9007199254740992;
  }

  /** Uniform in [0, 1), of 24 bits. */
  nextSingle(): number {
    return (this.next32() >>> 8) / 16777216;
  }

  private fill(): void {
    // Counted before it is used.
    this.counter += 1;
    const words = this.buffer;
    words.fill(0);
    [words[0], words[1]] = [this.counter, Math.floor(this.counter / RANGE)];
    const { keys } = this;
    const [first, second] = this.products;
    for (let key = 0; key < keys.length; key += 4) {
      multiply(MULTIPLIERS[0], words[0], words[1], first);
      multiply(MULTIPLIERS[1], words[4], words[5], second);
      words[0] = second[2] ^ words[2] ^ keys[key];
      words[1] = second[3] ^ words[3] ^ keys[key + 1];
      words[4] = first[2] ^ words[6] ^ keys[key + 2];
      words[5] = first[3] ^ words[7] ^ keys[key + 3];
      words[2] = second[0];
      words[3] = second[1];
      words[6] = first[0];
      words[7] = first[1];
    }
    this.used = 0;
  }
}

/** The 128 bits of a product, in four parts, the lowest first. */
function multiply(one: Word, low: number, high: number, found: Uint32Array): void {
  const ll = Math.imul(one[0], low) >>> 0;
  const hl = Math.imul(one[1], low) >>> 0;
  const lh = Math.imul(one[0], high) >>> 0;
  const hh = Math.imul(one[1], high) >>> 0;
  const middle = upper(one[0], low, ll) + lh + hl;
  const last = upper(one[0], high, lh) + upper(one[1], low, hl) + hh + Math.floor(middle / RANGE);
  found[0] = ll;
  found[1] = middle;
  found[2] = last;
  found[3] = upper(one[1], high, hh) + Math.floor(last / RANGE);
}

/** The upper half of a product of two numbers of 32 bits whose lower half is known. */
function upper(one: number, other: number, lower: number): number {
  return Math.round((one * other - lower) / RANGE);
}
