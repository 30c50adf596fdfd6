/** Crystals and the distances in them; lengths in Å. */

export type Vector = [number, number, number];

export interface Crystal {
  /** Cell vectors, one after the other. */
  readonly cell: readonly [Vector, Vector, Vector];
  /** Positions in parts of the cell's edges. */
  readonly places: readonly Vector[];
  /** Atomic number of each atom. */
  readonly numbers: readonly number[];
}

export interface Pair {
  readonly first: number;
  readonly second: number;
  /** The cell in which the second atom's image lies. */
  readonly shift: Vector;
  readonly distance: number;
}

export const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

export const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

export const scaled = (a: Vector, factor: number): Vector => [
  a[0] * factor,
  a[1] * factor,
  a[2] * factor,
];

export const added = (...vectors: Vector[]): Vector =>
  vectors.reduce((sum, one) => [sum[0] + one[0], sum[1] + one[1], sum[2] + one[2]], [0, 0, 0]);

export const length = (a: Vector): number => Math.sqrt(dot(a, a));

/** Where a point of the cell lies. */
export function cartesian(cell: Crystal["cell"], place: Vector): Vector {
  return added(scaled(cell[0], place[0]), scaled(cell[1], place[1]), scaled(cell[2], place[2]));
}

export function volume(cell: Crystal["cell"]): number {
  return Math.abs(dot(cell[0], cross(cell[1], cell[2])));
}

/** Edges in Å and angles in degrees. */
export function parameters(cell: Crystal["cell"]): number[] {
  const edges = cell.map(length);
  const angle = (i: number, j: number): number =>
    (Math.acos(dot(cell[i], cell[j]) / edges[i] / edges[j]) * 180) / Math.PI;
  return [...edges, angle(1, 2), angle(0, 2), angle(0, 1)];
}

/** All pairs of atoms, images included, that are nearer than a cutoff; both orders of each. */
export function neighbours(crystal: Crystal, cutoff: number): Pair[] {
  const { cell, places, numbers } = crystal;
  const size = volume(cell);
  const planes = [0, 1, 2].map((i) => size / length(cross(cell[(i + 1) % 3], cell[(i + 2) % 3])));
  // Between planes of the cell nothing is nearer than their distance.
  const reach = planes.map((plane) => cutoff / plane);
  const [[ax, ay, az], [bx, by, bz], [cx, cy, cz]] = cell;
  const found: Pair[] = [];
  for (let first = 0; first < numbers.length; first++) {
    for (let second = 0; second < numbers.length; second++) {
      const [x, y, z] = [0, 1, 2].map((i) => places[second][i] - places[first][i]);
      for (let i = Math.ceil(-x - reach[0]); i <= -x + reach[0]; i++) {
        for (let j = Math.ceil(-y - reach[1]); j <= -y + reach[1]; j++) {
          for (let k = Math.ceil(-z - reach[2]); k <= -z + reach[2]; k++) {
            if (first === second && i === 0 && j === 0 && k === 0) continue;
            // Written out, since it is most of the page's work beside the networks.
            const [u, v, w] = [x + i, y + j, z + k];
            const dx = u * ax + v * bx + w * cx;
            const dy = u * ay + v * by + w * cy;
            const dz = u * az + v * bz + w * cz;
            const distance = Math.sqrt(dx * dx + dy * dy + dz * dz);
            if (distance <= cutoff) found.push({ first, second, shift: [i, j, k], distance });
          }
        }
      }
    }
  }
  return found;
}
