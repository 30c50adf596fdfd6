/** Charge neutrality as `tfmat/matgan/validity/exact.py` judges it, which is smact's way. */

import { Elements } from "./elements";

/** Bits of the sums of charge that can be reached with one more element. */
function reached(word: bigint, count: number, charges: readonly number[]): bigint {
  return charges.reduce((bits, charge) => bits | (word << BigInt(count * charge)), 0n);
}

/** Whether some oxidation states make a formula neutral, cations less electronegative than anions. */
export function balanced(counts: ReadonlyMap<number, number>, elements: Elements): boolean {
  if (counts.size === 1) return true;
  const atoms = [...counts].map(([number, count]) => ({ count, ...elements[number] }));
  if (atoms.some(({ states, electronegativity }) => !states || electronegativity === null)) return false;
  atoms.sort((one, other) => one.electronegativity! - other.electronegativity!);
  const anions = [1n];
  for (const { count, states } of atoms.slice(1).reverse()) {
    const charges = states!.filter((state) => state < 0).map((state) => -state);
    anions.push(reached(anions[anions.length - 1], count, charges));
  }
  let cations = 1n;
  for (let at = 0; at + 1 < atoms.length; at++) {
    const { count, states, electronegativity } = atoms[at];
    cations = reached(cations, count, states!.filter((state) => state > 0));
    const apart = electronegativity! < atoms[at + 1].electronegativity!;
    if ((cations & anions.pop()!) !== 0n && apart) return true;
  }
  return false;
}

/** smact's verdict: one element, an alloy of metals, or charges that balance. */
export function accepted(counts: ReadonlyMap<number, number>, elements: Elements): boolean {
  return [...counts.keys()].every((number) => elements[number].metal) || balanced(counts, elements);
}
