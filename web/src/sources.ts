/** Crystals from a package with sources, as `tfmat/ccdcgan/sources/generating.py` makes them. */

import type { InferenceSession } from "onnxruntime-web";
import { Table } from "./arrays";
import { composition } from "./compositions";
import { Conditions } from "./conditions";
import { Content, atomCount, contentOf, predictedVolume } from "./contents";
import { Crystal } from "./crystal";
import { Elements } from "./elements";
import { STRUCTURE, Verdict, energies, judged, madeOf, nothing, usual } from "./judging";
import { Made, SourcesCard, Wish } from "./model";
import { vectorNoise } from "./noise";
import { share } from "./normal";
import { Prototypes } from "./prototypes";
import { tensor } from "./runtime";
import { writtenCrystal } from "./written";

/** A crystal that may be taken. */
interface Candidate {
  readonly source: string;
  readonly crystal: Crystal;
  readonly prototype: string;
}

interface Judged extends Candidate {
  readonly verdict: Verdict;
  readonly sound: boolean;
  energy: number | null;
}

export class Sources {
  private readonly prototypes: Prototypes;
  private readonly conditions: Conditions;

  constructor(
    private readonly card: SourcesCard,
    private readonly parts: Readonly<Record<string, InferenceSession>>,
    private readonly arrays: Readonly<Record<string, Table>>,
    private readonly elements: Elements,
    private readonly wish: Wish,
  ) {
    this.prototypes = new Prototypes(arrays);
    this.conditions = new Conditions(card, wish);
  }

  /** Makes one crystal; the same seed and index give the same one as `tfmat generate`. */
  async make(seed: bigint, index: number): Promise<Made> {
    const { card, wish } = this;
    const first = card.draws * card.drawNoise;
    const written = card.written * card.attempts * card.writtenNoise;
    const noise = vectorNoise(seed, index, first + 1 + written);
    const filtered = wish.formula.size === 0;
    const { counts, accepted } = await composition(
      card,
      this.parts.compositions,
      this.conditions,
      noise,
      this.elements,
      !filtered,
    );
    if (filtered && !accepted) return nothing(index, "no composition that smact accepts");
    const content = contentOf(counts, card.elements, this.arrays.properties);
    const candidates = await this.candidates(content, noise.subarray(first + 1));
    if (candidates.length === 0) {
      const only = wish.source === "prototype";
      return nothing(index, only ? "no prototype with these counts" : "no place for an atom");
    }
    const chosen = await this.chosen(candidates, share(noise[first]));
    const { source, prototype, crystal, verdict } = chosen;
    let { energy } = chosen;
    if (energy === null && verdict.status === STRUCTURE) [energy] = await this.energies([crystal]);
    return madeOf(index, crystal, verdict, energy, source, prototype);
  }

  private async candidates(content: Content, noise: Float32Array): Promise<Candidate[]> {
    const { card, prototypes, wish } = this;
    const volume = predictedVolume(content, this.arrays, this.elements);
    const nearest = prototypes.nearest(content, Math.max(card.prototypes, card.written, 1));
    const found: Candidate[] = [];
    if (wish.source !== "writer") {
      for (const row of nearest.slice(0, card.prototypes)) {
        const crystal = prototypes.crystal(row, content, volume);
        found.push({ source: "prototype", crystal, prototype: prototypes.ids[row] });
      }
    }
    if (wish.source !== "prototype") {
      found.push(...(await this.write(content, volume, nearest, noise)));
    }
    return found;
  }

  /** Lets the writer write, shown the nearest prototypes one after the other. */
  private async write(
    content: Content,
    volume: number,
    nearest: readonly number[],
    noise: Float32Array,
  ): Promise<Candidate[]> {
    const { attempts, maxAtoms, slots, temperatures, written, writtenNoise } = this.card;
    const padded = (values: readonly number[]): number[] =>
      Array.from({ length: slots }, (_, at) => values[at] ?? 0);
    const common = [...padded(content.numbers), ...padded(content.counts)];
    common.push(volume * atomCount(content), ...temperatures);
    const prompts = Array.from({ length: written }, (_, at) =>
      nearest.length > 0 ? nearest[at % nearest.length] : -1,
    );
    const crystals = prompts.map((): Crystal | null => null);
    let waiting = prompts.map((_, at) => at);
    for (let attempt = 0; attempt < attempts && waiting.length > 0; attempt++) {
      const rows = waiting.map((at) => {
        const start = (at * attempts + attempt) * writtenNoise;
        const own = noise.subarray(start, start + writtenNoise);
        return [...common, ...this.prototypes.prompt(prompts[at], maxAtoms), ...own];
      });
      const choices = tensor(Float32Array.from(rows.flat()), [rows.length, rows[0].length]);
      const made = await this.parts.writer.run({ choices });
      waiting.forEach((at, row) => (crystals[at] = writtenCrystal(made, row)));
      waiting = waiting.filter((at) => crystals[at] === null);
    }
    return crystals.flatMap((crystal, at) => {
      const prototype = prompts[at] < 0 ? "" : this.prototypes.ids[prompts[at]];
      return crystal ? [{ source: "writer", crystal, prototype }] : [];
    });
  }

  /** The sound one of lowest energy, or any sound one; else the one whose atoms are farthest apart. */
  private async chosen(candidates: readonly Candidate[], lot: number): Promise<Judged> {
    const all = candidates.map((candidate): Judged => {
      const verdict = judged(this.card, candidate.crystal, this.elements);
      const sound = verdict.contact >= this.card.minContact && usual(this.card, verdict.volume);
      return { ...candidate, verdict, sound, energy: null };
    });
    const sound = all.filter((one) => one.sound);
    if (sound.length === 0) return best(all, (one) => -one.verdict.contact);
    if (this.wish.chance) {
      return sound[Math.min(Math.floor(lot * sound.length), sound.length - 1)];
    }
    const found = await this.energies(sound.map((one) => one.crystal));
    sound.forEach((one, at) => (one.energy = found[at]));
    return best(sound, (one) => one.energy ?? Infinity);
  }

  private energies(crystals: readonly Crystal[]): Promise<(number | null)[]> {
    return energies(this.card, crystals, this.elements, this.arrays, this.parts.constraint);
  }
}

/** The first of those with the least value. */
function best<T>(all: readonly T[], value: (one: T) => number): T {
  return all.reduce((least, one) => (value(one) < value(least) ? one : least));
}
