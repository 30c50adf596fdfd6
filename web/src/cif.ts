/** CIF files as `tfmat/crystals/writing.py` writes them: every atom of the cell, space group P 1. */

import { Crystal, parameters, volume } from "./crystal";
import { Elements } from "./elements";

const NAMES = ["length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"];

export function cif(crystal: Crystal, name: string, elements: Elements, comments: string[]): string {
  const symbols = crystal.numbers.map((number) => elements[number].symbol);
  const kinds = [...new Set(symbols)].sort();
  const counts = kinds.map((kind) => kind + symbols.filter((symbol) => symbol === kind).length);
  const cell = parameters(crystal.cell);
  const lines = comments.map((comment) => `# ${comment}`);
  lines.push(`data_${name.replace(/[^A-Za-z0-9_.+-]+/g, "_")}`);
  lines.push(`_chemical_formula_sum '${counts.join(" ")}'`);
  NAMES.forEach((key, at) => lines.push(`_cell_${key} ${cell[at].toFixed(8)}`));
  lines.push(
    `_cell_volume ${volume(crystal.cell).toFixed(8)}`,
    "_symmetry_space_group_name_H-M 'P 1'",
    "_symmetry_Int_Tables_number 1",
    "loop_",
    "_symmetry_equiv_pos_site_id",
    "_symmetry_equiv_pos_as_xyz",
    "1 'x, y, z'",
    "loop_",
    "_atom_site_type_symbol",
    "_atom_site_label",
    "_atom_site_symmetry_multiplicity",
    "_atom_site_fract_x",
    "_atom_site_fract_y",
    "_atom_site_fract_z",
    "_atom_site_occupancy",
  );
  crystal.places.forEach((place, at) => {
    // Rounded before it is brought into the cell: 0.999999999 comes out as 0.
    const within = place.map((part) => {
      const rounded = Math.round(part * 1e8) / 1e8;
      return (rounded - Math.floor(rounded)).toFixed(8);
    });
    lines.push(`${symbols[at]} ${symbols[at]}${at} 1 ${within.join(" ")} 1`);
  });
  return lines.join("\n") + "\n";
}
