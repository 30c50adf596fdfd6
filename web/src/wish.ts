/** What the form asks of crystals. */

import { get, span, text } from "./dom";
import { Elements } from "./elements";
import { CrystalCard, Source, SourcesCard, Wish } from "./model";
import { PeriodicTable } from "./periodic";

/** Reads the form; what it cannot mean is said in an error. */
export function wishOf(
  model: CrystalCard & { readonly slots?: number },
  table: PeriodicTable,
  elements: Elements,
): Wish {
  const formula = formulaOf(text("formula"), elements);
  const wanted = formula.size > 0 ? [] : table.with("wanted");
  const most = Number(get<HTMLInputElement>("max-atoms").value) || model.maxAtoms;
  const common = { formula, atoms: [1, most] as const };
  if (model.form === "writer") {
    const none = { required: [], excluded: [], units: [1, 1], kinds: [1, 20] } as const;
    return { ...common, ...none, system: wanted, source: "writer", chance: false };
  }
  const alone = get<HTMLInputElement>("alone").checked;
  return {
    ...common,
    system: alone ? wanted : [],
    required: alone ? [] : wanted,
    excluded: formula.size > 0 ? [] : table.with("excluded"),
    units: span("units", [1, 1], "Formula units"),
    kinds: span("kinds", [1, model.slots ?? 1], "Number of elements"),
    source: get<HTMLSelectElement>("source").value as Source,
    chance: get<HTMLSelectElement>("choose-by").value === "chance",
  };
}

/** Offers the sources that a model has. */
export function offerSources(model: SourcesCard): void {
  const choice = get<HTMLSelectElement>("source");
  for (const option of choice.options) option.hidden = !model.sources.includes(option.value as Source);
  choice.value = model.sources[0];
}

function formulaOf(given: string, elements: Elements): Map<number, number> {
  const found = new Map<number, number>();
  if (!/^([A-Z][a-z]?\d*)*$/.test(given)) throw new Error(`${given}: write a cell as Bi4Se6.`);
  const numbers = new Map(Object.entries(elements).map(([z, one]) => [one.symbol, Number(z)]));
  for (const [, symbol, count] of given.matchAll(/([A-Z][a-z]?)(\d*)/g)) {
    const number = numbers.get(symbol);
    if (number === undefined) throw new Error(`${symbol}: there is no such element.`);
    found.set(number, (found.get(number) ?? 0) + (count === "" ? 1 : Number(count)));
  }
  return found;
}
