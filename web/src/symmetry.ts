/** Space groups, by moyo compiled to WebAssembly: its program lies in the folder `moyo`. */

import init, { analyze_cell } from "@spglib/moyo-wasm";
import { Crystal } from "./crystal";

/** Distance within which two atoms count as equivalent, Å, as in `tfmat/crystals/symmetry.py`. */
const SYMPREC = 0.1;

let ready: Promise<unknown> | null = null;

/** @param base Address of the site. */
export function startSymmetry(base: string): Promise<unknown> {
  ready ??= init({ module_or_path: new URL("moyo/moyo_wasm_bg.wasm", base) });
  return ready;
}

/** Symbol and number; empty where none is found. */
export function spaceGroup(crystal: Crystal): string {
  const cell = {
    lattice: { basis: crystal.cell.flat() },
    positions: crystal.places,
    numbers: crystal.numbers,
  };
  try {
    const { hm_symbol, number } = analyze_cell(JSON.stringify(cell), SYMPREC, "Spglib");
    return `${hm_symbol.replaceAll(" ", "")} (${number})`;
  } catch {
    return "";
  }
}
