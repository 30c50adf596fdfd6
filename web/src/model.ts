/** What the site says of a model, in `models/NAME/model.json`. */

import { Descriptor } from "./environments";

export interface Card {
  readonly name: string;
  readonly kind: "crystals" | "formulas";
  /** A sentence on what it is, and what its card warns of. */
  readonly about: string;
  readonly warnings: readonly string[];
  /** Atomic numbers, in the order of the networks. */
  readonly elements: readonly number[];
  /** Files of the networks, by part. */
  readonly files: Readonly<Record<string, string>>;
}

export interface WriterCard extends Card {
  readonly kind: "crystals";
  readonly maxAtoms: number;
  readonly cells: number;
  readonly places: number;
  readonly attempts: number;
  readonly sameCell: number;
  /** Atoms of each element, and how often a cell holds so many. */
  readonly compositions: readonly number[][];
  readonly minContact: number;
  readonly volumePerAtom: readonly [number, number] | null;
  readonly descriptor: Descriptor | null;
}

export interface FormulaCard extends Card {
  readonly kind: "formulas";
  /** Length of the noise. */
  readonly latent: number;
}

export type Model = WriterCard | FormulaCard;
