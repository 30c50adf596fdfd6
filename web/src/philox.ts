/**
 * Philox4x64-10, a random generator that can start anywhere (Salmon et al., "Parallel random
 * numbers: as easy as 1, 2, 3", SC11), in the order of NumPy's `Philox`.
 */

const MASK = 0xffffffffffffffffn;
const MULTIPLIERS = [0xd2e7470ee14c6c93n, 0xca5a826395121157n];
const WEYL = [0x9e3779b97f4a7c15n, 0xbb67ae8584caa73bn];
const ROUNDS = 10;

export class Philox {
  private counter = 0n;
  private buffer: bigint[] = [];
  private half: number | null = null;

  /** @param key Two words: here a seed and an index. */
  constructor(private readonly key: readonly [bigint, bigint]) {}

  /** The next 64 bits. */
  next64(): bigint {
    if (this.buffer.length === 0) this.buffer = this.block();
    return this.buffer.shift()!;
  }

  /** The next 32 bits: the lower half of 64, then the upper one. */
  next32(): number {
    if (this.half !== null) {
      const kept = this.half;
      this.half = null;
      return kept;
    }
    const both = this.next64();
    this.half = Number(both >> 32n);
    return Number(both & 0xffffffffn);
  }

  /** Uniform in [0, 1), of 53 bits. */
  nextDouble(): number {
    return Number(this.next64() >> 11n) / 9007199254740992;
  }

  /** Uniform in [0, 1), of 24 bits. */
  nextSingle(): number {
    return (this.next32() >>> 8) / 16777216;
  }

  private block(): bigint[] {
    // Counted before it is used.
    this.counter += 1n;
    let words = [0n, 64n, 128n, 192n].map((bits) => (this.counter >> bits) & MASK);
    let [first, second] = this.key;
    for (let round = 0; round < ROUNDS; round++) {
      const low = MULTIPLIERS[0] * words[0];
      const high = MULTIPLIERS[1] * words[2];
      words = [
        (high >> 64n) ^ words[1] ^ first,
        high & MASK,
        (low >> 64n) ^ words[3] ^ second,
        low & MASK,
      ];
      first = (first + WEYL[0]) & MASK;
      second = (second + WEYL[1]) & MASK;
    }
    return words;
  }
}
