/** Arrays out of the file `arrays.bin` of a model. */

export interface Placed {
  readonly kind: "float64" | "float32" | "uint8";
  readonly shape: readonly number[];
  readonly offset: number;
}

export type Numbers = Float64Array | Float32Array | Uint8Array;

const KINDS = { float64: Float64Array, float32: Float32Array, uint8: Uint8Array };

/** A table of numbers. */
export class Table {
  readonly rows: number;
  readonly width: number;

  constructor(
    readonly values: Numbers,
    shape: readonly number[],
  ) {
    this.rows = shape[0];
    this.width = shape.slice(1).reduce((product, size) => product * size, 1);
  }

  row(at: number): Numbers {
    return this.values.subarray(at * this.width, (at + 1) * this.width);
  }

  at(row: number, column: number): number {
    return this.values[row * this.width + column];
  }
}

/** @param content The whole file, little-endian as all browsers are. */
export function tables(
  content: ArrayBuffer,
  places: Readonly<Record<string, Placed>>,
): Record<string, Table> {
  const found: Record<string, Table> = {};
  for (const [name, { kind, shape, offset }] of Object.entries(places)) {
    const size = shape.reduce((product, one) => product * one, 1);
    found[name] = new Table(new KINDS[kind](content, offset, size), shape);
  }
  return found;
}
