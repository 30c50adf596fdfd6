/** Formulas as they are made: distinct, by how often they came, filtered, to copy and save. */

import { formulaCell, get, make, save } from "./dom";
import { Elements, written } from "./elements";
import { ANY, KINDS, Masks, matches } from "./masks";
import { balanced } from "./validity";

interface Entry {
  readonly formula: string;
  readonly numbers: ReadonlySet<number>;
  readonly balanced: boolean;
  times: number;
}

const MOST = 500;

export class FormulaTable {
  private elements: Elements = {};
  private found = new Map<string, Entry>();
  private masks = ANY;
  private samples = 0;
  private seed = 0n;

  constructor() {
    get("copy-formulas").addEventListener("click", () => this.copy());
    get("save-formulas").addEventListener("click", () => this.save());
  }

  clear(elements: Elements): void {
    this.elements = elements;
    this.found.clear();
    this.samples = 0;
    this.show();
  }

  begin(seed: bigint): void {
    this.seed = seed;
    this.clear(this.elements);
  }

  filter(masks: Masks): void {
    this.masks = masks;
    this.show();
  }

  add(samples: readonly Map<number, number>[]): void {
    for (const counts of samples) {
      this.samples += 1;
      if (counts.size < KINDS[0] || counts.size > KINDS[1]) continue;
      const formula = written(counts, this.elements);
      const known = this.found.get(formula);
      if (known) known.times += 1;
      else {
        const numbers = new Set(counts.keys());
        const entry = { formula, numbers, balanced: balanced(counts, this.elements), times: 1 };
        this.found.set(formula, entry);
      }
    }
    this.show();
  }

  count(): string {
    if (this.samples === 0) return "Ready.";
    const many = (value: number): string => value.toLocaleString("en");
    const left = this.left().length;
    return `${many(left)} of ${many(this.found.size)} formulas from ${many(this.samples)} samples.`;
  }

  private left(): Entry[] {
    return [...this.found.values()].filter(({ numbers, balanced }) =>
      matches(this.masks, numbers, balanced),
    );
  }

  private show(): void {
    const left = this.left().sort((one, other) => other.times - one.times);
    const rows = left.slice(0, MOST).map((entry) => {
      const row = make("tr");
      row.append(formulaCell(entry.formula), make("td", entry.balanced ? "yes" : "no"));
      row.append(make("td", String(entry.times)));
      return row;
    });
    get("formula-rows").replaceChildren(...rows);
    for (const id of ["copy-formulas", "save-formulas"]) {
      get<HTMLButtonElement>(id).disabled = left.length === 0;
    }
  }

  private async copy(): Promise<void> {
    await navigator.clipboard.writeText(this.left().map((entry) => entry.formula).join("\n"));
    get("state").textContent = "The formulas are in the clipboard.";
  }

  private save(): void {
    const lines = this.left().map((entry) => `${entry.formula},${entry.balanced ? 1 : 0},${entry.times}`);
    const text = ["formula,balanced,times_generated", ...lines].join("\n") + "\n";
    save(`formulas-seed-${this.seed}.csv`, new Blob([text], { type: "text/csv" }));
  }
}
