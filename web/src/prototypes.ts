/** Known crystals with other elements, as `tfmat/ccdcgan/sources/prototypes.py` finds and makes them. */

import { Table } from "./arrays";
import { Content, atomCount, atomsOf } from "./contents";
import { Crystal, Vector, scaled, volume } from "./crystal";

// Far less than two elements' unlikeness; it decides between equals.
const TIE = 1e-9;

export class Prototypes {
  readonly ids: readonly string[];
  /** Rows of each pattern of counts. */
  private readonly groups = new Map<string, number[]>();
  /** Where each crystal's atoms begin. */
  private readonly offsets: number[] = [0];

  constructor(private readonly arrays: Readonly<Record<string, Table>>) {
    this.ids = new TextDecoder().decode(arrays.ids.values).split("\n");
    for (let row = 0; row < arrays.counts.rows; row++) {
      const counts = [...arrays.counts.row(row)];
      const key = pattern(counts);
      if (!this.groups.has(key)) this.groups.set(key, []);
      this.groups.get(key)!.push(row);
      this.offsets.push(this.offsets[row] + counts.reduce((sum, count) => sum + count, 0));
    }
  }

  /** Rows of the same counts whose elements are most alike, the nearest first. */
  nearest(content: Content, count: number): number[] {
    const { numbers, unlikeness } = this.arrays;
    const known = this.groups.get(pattern(content.counts)) ?? [];
    const far = known.map((row, place) => {
      let sum = 0;
      content.numbers.forEach((number, slot) => {
        sum = Math.fround(sum + unlikeness.at(number, numbers.at(row, slot)));
      });
      return { row, apart: sum + TIE * place };
    });
    // Sorting keeps the order of equals.
    return far
      .sort((one, other) => one.apart - other.apart)
      .slice(0, count)
      .map(({ row }) => row);
  }

  /** A prototype with other elements, its cell scaled to a predicted volume per atom, Å³. */
  crystal(row: number, content: Content, predicted: number): Crystal {
    const { lattices, fractional, ownVolume } = this.arrays;
    const lattice = [...lattices.row(row)];
    const cell = [0, 3, 6].map((at) => lattice.slice(at, at + 3)) as unknown as Crystal["cell"];
    const wanted = predicted * ownVolume.values[row] * atomCount(content);
    const factor = Math.cbrt(wanted / volume(cell));
    const [first, last] = [this.offsets[row], this.offsets[row + 1]];
    return {
      cell: cell.map((vector) => scaled(vector, factor)) as unknown as Crystal["cell"],
      places: Array.from({ length: last - first }, (_, at) => [...fractional.row(first + at)] as Vector),
      numbers: atomsOf(content),
    };
  }

  /** Elements, cell and places of a prototype as the writer sees them, in bins; zeros for -1. */
  prompt(row: number, maxAtoms: number): number[] {
    const { numbers, cells, places, placed } = this.arrays;
    const bins = new Array<number>(3 * maxAtoms).fill(0);
    if (row < 0) return [...new Array<number>(numbers.width + cells.width).fill(0), ...bins];
    if (placed.values[row]) {
      for (let atom = this.offsets[row]; atom < this.offsets[row + 1]; atom++) {
        places.row(atom).forEach((bin, axis) => (bins[3 * (atom - this.offsets[row]) + axis] = bin));
      }
    }
    return [...numbers.row(row), ...cells.row(row), ...bins];
  }
}

/** The same for equal counts. */
function pattern(counts: readonly number[]): string {
  return counts.filter((count) => count > 0).join(" ");
}
