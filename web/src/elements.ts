/** What the site's file `elements.json` says of each element, by atomic number. */

export interface Element {
  readonly symbol: string;
  readonly colour: string;
  /** Drawn radius, Å. */
  readonly radius: number;
  /** Covalent radius, Å. */
  readonly covalent: number;
  /** Place in the periodic table. */
  readonly column: number;
  readonly row: number;
  /** Place in a formula. */
  readonly rank: number;
  /** Pauling's electronegativity, where there is one. */
  readonly electronegativity: number | null;
  /** Oxidation states of smact's set `smact14`, where it has the element. */
  readonly states: readonly number[] | null;
  /** What smact counts as a metal. */
  readonly metal: boolean;
}

export type Elements = Readonly<Record<number, Element>>;

/** The reduced formula of the atoms of a cell. */
export function cellFormula(numbers: readonly number[], elements: Elements): string {
  const counts = new Map<number, number>();
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1);
  return written(counts, elements);
}

/** A reduced formula, elements in the order of electronegativity, as tfmat writes it. */
export function written(counts: ReadonlyMap<number, number>, elements: Elements): string {
  const divisor = [...counts.values()].reduce(greatestDivisor, 0) || 1;
  return [...counts]
    .sort(([one], [other]) => elements[one].rank - elements[other].rank)
    .map(([number, count]) => [elements[number].symbol, count / divisor] as const)
    .map(([symbol, count]) => symbol + (count > 1 ? count : ""))
    .join("");
}

function greatestDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestDivisor(other, one % other);
}
