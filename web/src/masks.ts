/** What the form asks of formulas, as `tfmat/matgan/generating/masks.py` has it. */

import { get, span } from "./dom";
import { PeriodicTable } from "./periodic";

/** Fewest and most elements of a formula. */
export const KINDS = [2, 8] as const;

export interface Masks {
  readonly required: readonly number[];
  readonly excluded: readonly number[];
  /** No others than those that are required. */
  readonly alone: boolean;
  readonly kinds: readonly [number, number];
  readonly balanced: boolean;
}

export const ANY: Masks = { required: [], excluded: [], alone: false, kinds: KINDS, balanced: false };

/** Reads the form; what it cannot mean is said in an error. */
export function masksOf(table: PeriodicTable): Masks {
  const required = table.with("wanted");
  return {
    required,
    excluded: table.with("excluded"),
    alone: get<HTMLInputElement>("alone").checked && required.length > 0,
    kinds: span("kinds", KINDS, "Number of elements"),
    balanced: get<HTMLInputElement>("balanced").checked,
  };
}

/** Whether a formula fulfils all of it. */
export function matches(masks: Masks, numbers: ReadonlySet<number>, balanced: boolean): boolean {
  return (
    (balanced || !masks.balanced) &&
    masks.kinds[0] <= numbers.size &&
    numbers.size <= masks.kinds[1] &&
    masks.required.every((number) => numbers.has(number)) &&
    !masks.excluded.some((number) => numbers.has(number)) &&
    (!masks.alone || numbers.size === masks.required.length)
  );
}
