/**
 * What is asked of a composition, as masks on each choice, as `tfmat/ccdcgan/sources/conditions.py`
 * has them: before each choice they leave what can still end in what was asked for.
 */

import { SourcesCard, Wish } from "./model";

/** A composition that is being drawn. */
export interface Unfinished {
  /** Atoms of each element so far, in the order of the networks. */
  readonly counts: number[];
  /** The element drawn last, -1 before the first. */
  last: number;
  /** Formula units, 0 while they are open. */
  units: number;
}

export class Conditions {
  readonly count: number;
  private readonly free: boolean[];
  private readonly needed: boolean[];
  /** Atoms of each element in a formula unit. */
  private readonly perUnit: number[];
  /** How many elements behind each are needed, and how many are free. */
  private readonly neededAfter: number[];
  private readonly freeAfter: number[];
  private readonly fewest: number;
  private readonly mostKinds: number;
  private readonly atoms: readonly [number, number];
  private readonly sets: readonly number[];

  constructor(
    private readonly card: SourcesCard,
    private readonly wish: Wish,
  ) {
    const { elements, maxAtoms, slots } = card;
    this.count = elements.length;
    const named = [...wish.system, ...wish.required, ...wish.formula.keys()];
    const required = new Set(named);
    this.free = elements.map(
      (number) =>
        (wish.system.length === 0 || wish.system.includes(number)) &&
        !wish.excluded.includes(number) &&
        (wish.formula.size === 0 || wish.formula.has(number)),
    );
    this.needed = elements.map((number) => required.has(number));
    this.perUnit = elements.map((number) => wish.formula.get(number) ?? 0);
    this.neededAfter = after(this.needed);
    this.freeAfter = after(this.free);
    this.fewest = Math.max(wish.kinds[0], sum(this.needed), 1);
    this.mostKinds = Math.min(wish.kinds[1], sum(this.free), slots);
    this.atoms = [Math.max(wish.atoms[0], 1), Math.min(wish.atoms[1], maxAtoms)];
    const size = this.perUnit.reduce((total, one) => total + one, 0);
    const sets = Array.from({ length: maxAtoms }, (_, at) => at + 1);
    this.sets = sets.filter(
      (units) =>
        units >= wish.units[0] &&
        units <= wish.units[1] &&
        units * size >= this.atoms[0] &&
        units * size <= this.atoms[1],
    );
    const known = named.every((number) => elements.includes(number));
    const kept = this.needed.every((needed, at) => !needed || this.free[at]);
    const possible =
      this.fewest <= this.mostKinds && this.elements(this.begin()).slice(0, -1).includes(true);
    if (!known || !kept || !possible) {
      throw new Error(
        `No cell of the model fulfils all of this: it has up to ${slots} elements and ` +
          `${maxAtoms} atoms. Ask for fewer conditions.`,
      );
    }
  }

  begin(): Unfinished {
    return { counts: new Array(this.count).fill(0), last: -1, units: 0 };
  }

  /** Which elements may come next, and at the end whether the cell may be complete. */
  elements(soFar: Unfinished): boolean[] {
    const there = soFar.counts.map((count) => count > 0);
    const total = soFar.counts.reduce((one, other) => one + other, 0);
    const left = sum(this.needed) - sum(there.map((own, at) => own && this.needed[at]));
    const may = this.free.map(
      (free, at) =>
        free &&
        at > soFar.last &&
        // None that is needed may be passed over: all that are left lie behind.
        Number(this.needed[at]) + this.neededAfter[at] >= left &&
        this.amounts(soFar, at).includes(true),
    );
    return [...may, left === 0 && sum(there) >= this.fewest && total >= this.atoms[0]];
  }

  /** Which numbers of atoms of an element leave a way to the end, 1 at first. */
  amounts(soFar: Unfinished, element: number): boolean[] {
    const [least, most] = this.atoms;
    const total = soFar.counts.reduce((one, other) => one + other, 0);
    const kinds = soFar.counts.filter((count) => count > 0).length + 1;
    const [needed, free] = [this.neededAfter[element], this.freeAfter[element]];
    const more = Math.max(needed, this.fewest - kinds, 0);
    const may = least <= most && kinds + needed <= this.mostKinds && kinds + free >= this.fewest;
    const grows = kinds < this.mostKinds && free > 0;
    return Array.from({ length: this.card.maxAtoms }, (_, at) => {
      const amount = at + 1;
      const fits = may && total + amount + more <= most && (grows || total + amount >= least);
      return fits && (this.wish.formula.size === 0 || this.whole(soFar, element, amount));
    });
  }

  add(soFar: Unfinished, element: number, amount: number): void {
    soFar.counts[element] = amount;
    soFar.last = element;
    const each = this.perUnit[element];
    soFar.units = each > 0 ? Math.floor(amount / each) : 0;
  }

  /** Whether so many atoms are those of a number of formula units that may be. */
  private whole(soFar: Unfinished, element: number, amount: number): boolean {
    const each = this.perUnit[element];
    const units = each > 0 ? Math.floor(amount / each) : 0;
    const right = each > 0 && units * each === amount && this.sets.includes(units);
    return right && (soFar.units === 0 || soFar.units === units);
  }
}

const sum = (values: readonly boolean[]): number => values.filter(Boolean).length;

const after = (values: readonly boolean[]): number[] =>
  values.map((_, at) => sum(values.slice(at + 1)));
