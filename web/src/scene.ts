/** A crystal as the viewer takes it: `tfmat/viewer/scene.py`, for crystals that are made here. */

import { Crystal, Vector, added, cartesian, cross, dot, length, neighbours, scaled } from "./crystal";
import { Elements } from "./elements";

const [AZIMUTH, ELEVATION] = [(25 * Math.PI) / 180, (15 * Math.PI) / 180];
const FACE = 0.03;
const BOND = 1.2;
const MOST = 400;
const GIVING = new Set([3, 4, 11, 12, 19, 20, 37, 38, 55, 56, 87, 88]);
const TAKING = new Set([1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 32, 33, 34, 35, 51, 52, 53, 85]);

export interface Scene {
  cell: number[];
  z: number[];
  xyz: number[];
  images: number[];
  bonds: number[];
}

export function scene(crystal: Crystal, elements: Elements): Scene {
  const axes = view(crystal.cell);
  const turned = crystal.cell.map(
    (vector) => axes.map((axis) => dot(vector, axis)) as Vector,
  ) as unknown as Crystal["cell"];
  const inside = crystal.places.map(
    (place) => place.map((part) => part - Math.floor(part + FACE)) as Vector,
  );
  const home: Crystal = { cell: turned, places: inside, numbers: crystal.numbers };
  const faces: number[][] = [];
  for (const shift of shifts()) {
    if (shift.every((step) => step === 0)) continue;
    inside.forEach((place, owner) => {
      if (shift.every((step, at) => step === 0 || place[at] < FACE)) faces.push([owner, ...shift]);
    });
  }
  const joins = joined(crystal.numbers, elements);
  const reach = 2 * BOND * Math.max(...crystal.numbers.map((number) => elements[number].covalent));
  const through = neighbours(home, reach)
    .filter(({ first, second, distance }) => joins(crystal.numbers[first], crystal.numbers[second], distance))
    .filter(({ shift }) => shift.some((step) => step !== 0))
    .map(({ second, shift }) => [second, ...shift]);
  const around = distinct([...faces, ...through]);
  const images = inside.length + around.length <= MOST ? around : faces;
  const moved = images.map(([owner, ...shift]) => added(inside[owner], shift as Vector));
  const centres = [...inside, ...moved].map((place) => cartesian(turned, place));
  const numbers = [...crystal.numbers, ...images.map(([owner]) => crystal.numbers[owner])];
  const bonds: number[] = [];
  centres.forEach((centre, first) => {
    for (let second = first + 1; second < centres.length; second++) {
      const apart = length(added(centre, scaled(centres[second], -1)));
      if (apart <= reach && joins(numbers[first], numbers[second], apart)) bonds.push(first, second);
    }
  });
  return {
    cell: turned.flat(),
    z: [...crystal.numbers],
    xyz: centres.slice(0, inside.length).flat(),
    images: images.flat(),
    bonds,
  };
}

/** x to the right, y up, z towards the eye, in the crystal's own axes. */
function view(cell: Crystal["cell"]): Vector[] {
  const unit = (vector: Vector): Vector => scaled(vector, 1 / length(vector));
  const normal = cross(cell[0], cell[1]);
  const up = scaled(unit(normal), Math.sign(dot(normal, cell[2])));
  const front = unit(cell[0]);
  const side = cross(up, front);
  const around = added(scaled(front, Math.cos(AZIMUTH)), scaled(side, Math.sin(AZIMUTH)));
  const eye = added(scaled(around, Math.cos(ELEVATION)), scaled(up, Math.sin(ELEVATION)));
  const right = added(scaled(front, -Math.sin(AZIMUTH)), scaled(side, Math.cos(AZIMUTH)));
  return [right, cross(eye, right), eye];
}

function joined(numbers: readonly number[], elements: Elements) {
  const taken = numbers.some((number) => TAKING.has(number));
  return (one: number, other: number, distance: number): boolean => {
    if (distance >= BOND * (elements[one].covalent + elements[other].covalent)) return false;
    const giving = GIVING.has(one) || GIVING.has(other);
    return !taken || !giving || TAKING.has(one) || TAKING.has(other);
  };
}

function shifts(): Vector[] {
  const steps = [0, 1];
  return steps.flatMap((i) => steps.flatMap((j) => steps.map((k) => [i, j, k] as Vector)));
}

/** Rows of numbers in their order, each once. */
function distinct(rows: number[][]): number[][] {
  const found = new Map(rows.map((row) => [row.join(" "), row]));
  return [...found.values()].sort((one, other) => {
    const at = one.findIndex((value, place) => value !== other[place]);
    return at < 0 ? 0 : one[at] - other[at];
  });
}
