/** What the site says of a model, in `models/NAME/model.json`. */

import { Placed } from "./arrays";
import { Crystal } from "./crystal";
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

/** Of models that make crystals. */
export interface CrystalCard extends Card {
  readonly kind: "crystals";
  readonly form: "writer" | "sources";
  readonly maxAtoms: number;
  /** Shortest distance of two atoms, Å, and over the sum of their covalent radii. */
  readonly minDistance: number;
  readonly minContact: number;
  readonly volumePerAtom: readonly [number, number] | null;
  readonly descriptor: Descriptor | null;
}

export interface WriterCard extends CrystalCard {
  readonly form: "writer";
  readonly cells: number;
  readonly places: number;
  readonly attempts: number;
  readonly sameCell: number;
  /** Atoms of each element, and how often a cell holds so many. */
  readonly compositions: readonly number[][];
}

export type Source = "pool" | "prototype" | "writer";

export interface SourcesCard extends CrystalCard {
  readonly form: "sources";
  readonly sources: readonly Source[];
  /** Most elements of a cell. */
  readonly slots: number;
  /** How often a composition is drawn at most, and the noise that this takes each time. */
  readonly draws: number;
  readonly drawNoise: number;
  /** Crystals of a composition. */
  readonly prototypes: number;
  readonly written: number;
  /** How often a crystal is begun at most, and the noise that this takes each time. */
  readonly attempts: number;
  readonly writtenNoise: number;
  /** What the writer's logits are divided by: those of first draws, and of others. */
  readonly temperatures: readonly [number, number];
  readonly arrays: Readonly<Record<string, Placed>>;
}

export interface FormulaCard extends Card {
  readonly kind: "formulas";
  /** Length of the noise. */
  readonly latent: number;
}

export type Model = WriterCard | SourcesCard | FormulaCard;

/** What is asked of crystals. */
export interface Wish {
  /** These elements and no others, all of them; any where empty. */
  readonly system: readonly number[];
  /** Elements that have to be there, whatever else is; and that must not. For sources alone. */
  readonly required: readonly number[];
  readonly excluded: readonly number[];
  /** Atoms of a formula unit, by atomic number; any where empty. */
  readonly formula: ReadonlyMap<number, number>;
  /** Fewest and most of what is counted; formula units and elements for sources alone. */
  readonly units: readonly [number, number];
  readonly kinds: readonly [number, number];
  readonly atoms: readonly [number, number];
  readonly source: Source;
  /** Takes any sound crystal, not the one of lowest energy. */
  readonly chance: boolean;
}

/** What became of one crystal. */
export interface Made {
  readonly index: number;
  /** `structure`, or why there is none. */
  readonly status: string;
  readonly crystal: Crystal | null;
  /** Of structures: symbol and number. */
  readonly spaceGroup: string;
  readonly distance: number;
  readonly contact: number;
  readonly volume: number;
  /** Predicted formation energy of the crystal as it is, eV/atom. */
  readonly energy: number | null;
  /** Where it comes from: a source, and the known crystal that it was made of. */
  readonly source: string;
  readonly prototype: string;
}
