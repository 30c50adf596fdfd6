/** What is said of a crystal: how close its atoms come, its volume, its predicted energy. */

import type { InferenceSession } from "onnxruntime-web";
import { anyEnvironments } from "./any_elements";
import { Table } from "./arrays";
import { shortest, volumePerAtom } from "./contacts";
import { Crystal } from "./crystal";
import { Elements } from "./elements";
import { environments } from "./environments";
import { CrystalCard, Made } from "./model";
import { tensor } from "./runtime";
import { spaceGroup } from "./symmetry";

export const STRUCTURE = "structure";

export interface Verdict {
  /** `structure`, or what is wrong with it. */
  readonly status: string;
  readonly distance: number;
  readonly contact: number;
  readonly volume: number;
}

/** Judges in the order of `tfmat/ccdcgan/generate.py`. */
export function judged(card: CrystalCard, crystal: Crystal, elements: Elements): Verdict {
  const { contact, distance } = shortest(crystal, elements);
  const volume = volumePerAtom(crystal);
  let status = STRUCTURE;
  if (distance < card.minDistance) status = `atoms closer than ${card.minDistance} Å`;
  else if (contact < card.minContact) status = `atoms closer than ${card.minContact} covalent radii`;
  else if (!usual(card, volume)) status = "volume per atom unlike training";
  return { status, distance, contact, volume };
}

/** What is said of a crystal that is taken. */
export function madeOf(
  index: number,
  crystal: Crystal,
  verdict: Verdict,
  energy: number | null,
  source: string,
  prototype: string,
): Made {
  const group = verdict.status === STRUCTURE ? spaceGroup(crystal) : "";
  return { index, ...verdict, crystal, spaceGroup: group, energy, source, prototype };
}

/** What is said where there is none. */
export function nothing(index: number, status: string): Made {
  const none = { crystal: null, spaceGroup: "", energy: null, source: "", prototype: "" };
  return { index, status, distance: NaN, contact: NaN, volume: NaN, ...none };
}

export function usual(card: CrystalCard, volume: number): boolean {
  const [least, most] = card.volumePerAtom ?? [0, Infinity];
  return volume >= least && volume <= most;
}

/** Predicted formation energies of crystals as they are, eV/atom; none without a constraint. */
export async function energies(
  card: CrystalCard,
  crystals: readonly Crystal[],
  elements: Elements,
  arrays: Readonly<Record<string, Table>>,
  constraint?: InferenceSession,
): Promise<(number | null)[]> {
  const { descriptor, maxAtoms } = card;
  if (!constraint || !descriptor || crystals.length === 0) return crystals.map(() => null);
  const seen = crystals.map((crystal) =>
    descriptor.form === "any"
      ? anyEnvironments(crystal, descriptor, maxAtoms, arrays, elements)
      : environments(crystal, descriptor, maxAtoms),
  );
  const all = new Float32Array(seen.length * seen[0].length);
  seen.forEach((rows, at) => all.set(rows, at * rows.length));
  const shape = [seen.length, maxAtoms, seen[0].length / maxAtoms];
  const found = await constraint.run({ environments: tensor(all, shape) });
  return Array.from(found.formation_energy.data as Float32Array);
}
