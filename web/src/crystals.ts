/** Crystals as they are made: a table, the chosen one in three dimensions, files to save. */

import { cif } from "./cif";
import { Crystal } from "./crystal";
import { formulaCell, get, make, save } from "./dom";
import { Elements, cellFormula } from "./elements";
import { CrystalCard, Made } from "./model";
import { Scene, scene } from "./scene";
import { zip } from "./zip";

interface Viewer {
  show(scene: Scene | null, name: string): void;
  redraw(): void;
}
declare const tfmatViewer: {
  create(place: HTMLElement, palette: Record<number, [string, string, number]>): Viewer;
};

/** Where a crystal comes from, in words. */
function origin(made: Made): string {
  if (made.source === "prototype") return `the prototype ${made.prototype}, its elements exchanged`;
  return made.prototype ? `the writer, shown the prototype ${made.prototype}` : "the writer, shown no prototype";
}

// Rows that a table shows; all of them are saved.
const MOST = 500;

export class CrystalTable {
  private made: Made[] = [];
  private lost = new Map<string, number>();
  private elements: Elements = {};
  private viewer: Viewer | null = null;
  private chosen: Made | null = null;
  private seed = 0n;
  private model = "";
  private sources = false;

  constructor() {
    get("save-cif").addEventListener("click", () => this.saveChosen());
    get("copy-cif").addEventListener("click", () => this.copyChosen());
    get("save-all").addEventListener("click", () => this.saveAll());
    get("crystal-rows").addEventListener("keydown", (event) => this.step(event as KeyboardEvent));
  }

  clear(elements: Elements): void {
    this.elements = elements;
    [this.made, this.lost, this.chosen] = [[], new Map(), null];
    get("crystal-rows").replaceChildren();
    for (const id of ["crystal-name", "crystal-from"]) get(id).textContent = "";
    this.viewer?.show(null, "nothing");
    this.enable();
  }

  begin(seed: bigint, model: CrystalCard): void {
    this.clear(this.elements);
    [this.seed, this.model] = [seed, model.name];
    this.sources = model.form === "sources";
  }

  add(made: Made): void {
    if (made.status !== "structure" || made.crystal === null) {
      this.lost.set(made.status, (this.lost.get(made.status) ?? 0) + 1);
      return;
    }
    this.made.push(made);
    if (this.made.length <= MOST) get("crystal-rows").append(this.row(made, made.crystal));
    if (this.made.length === 1) this.choose(made);
    this.enable();
  }

  count(): string {
    const lost = [...this.lost].map(([reason, number]) => `${number} without: ${reason}`);
    const crystals = `${this.made.length} crystal${this.made.length === 1 ? "" : "s"}`;
    const more = this.made.length > MOST ? `the first ${MOST} are shown, all are saved` : "";
    return [crystals, ...lost, more].filter(Boolean).join("; ") + ".";
  }

  redraw(): void {
    this.viewer?.redraw();
  }

  private name(made: Made): string {
    return `tfmat-${this.seed}-${String(made.index).padStart(7, "0")}`;
  }

  private row(made: Made, crystal: Crystal): HTMLTableRowElement {
    const row = make("tr", "", { tabindex: "-1", "aria-selected": "false" });
    row.dataset.index = String(made.index);
    const energy = made.energy === null ? "–" : made.energy.toFixed(3);
    const close = [made.distance.toFixed(2), made.contact.toFixed(2), made.volume.toFixed(1)];
    const cells = [String(crystal.numbers.length), made.spaceGroup || "–", ...close, energy];
    row.append(formulaCell(cellFormula(crystal.numbers, this.elements)));
    for (const value of cells) row.append(make("td", value));
    if (this.sources) row.append(make("td", made.source));
    row.addEventListener("click", () => this.choose(made));
    return row;
  }

  private choose(made: Made): void {
    this.chosen = made;
    for (const row of get("crystal-rows").children as HTMLCollectionOf<HTMLElement>) {
      const own = row.dataset.index === String(made.index);
      row.setAttribute("aria-selected", String(own));
      row.tabIndex = own ? 0 : -1;
    }
    const crystal = made.crystal!;
    const formula = cellFormula(crystal.numbers, this.elements);
    get("crystal-name").textContent = `${formula}, ${this.name(made)}`;
    get("crystal-from").textContent = this.sources ? `From: ${origin(made)}` : "";
    this.viewer ??= tfmatViewer.create(get("crystal"), this.palette());
    this.viewer.show(scene(crystal, this.elements), formula);
    this.enable();
  }

  private step(event: KeyboardEvent): void {
    const rows = [...(get("crystal-rows").children as HTMLCollectionOf<HTMLElement>)];
    const at = rows.indexOf(document.activeElement as HTMLElement);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    const next = { Home: 0, End: rows.length - 1 }[event.key] ?? at + (steps[event.key] ?? NaN);
    if (at < 0 || Number.isNaN(next)) return;
    event.preventDefault();
    const row = rows[Math.max(0, Math.min(rows.length - 1, next))];
    const made = this.made.find((one) => String(one.index) === row.dataset.index);
    if (made) this.choose(made);
    row.focus();
  }

  private palette(): Record<number, [string, string, number]> {
    return Object.fromEntries(
      Object.entries(this.elements).map(([z, { symbol, colour, radius }]) => [z, [symbol, colour, radius]]),
    );
  }

  private text(made: Made): string {
    const energy = made.energy === null ? [] : [`formation_energy_per_atom ${made.energy.toFixed(6)}`];
    const from = this.sources ? [`from: ${origin(made)}`] : [];
    const about = `generated by tfmat web with ${this.model}, seed ${this.seed}`;
    const comments = [about, ...from, ...energy];
    return cif(made.crystal!, this.name(made), this.elements, comments);
  }

  private enable(): void {
    for (const id of ["save-cif", "copy-cif"]) get<HTMLButtonElement>(id).disabled = !this.chosen;
    get<HTMLButtonElement>("save-all").disabled = this.made.length === 0;
  }

  private saveChosen(): void {
    const made = this.chosen!;
    save(`${this.name(made)}.cif`, new Blob([this.text(made)], { type: "chemical/x-cif" }));
  }

  private async copyChosen(): Promise<void> {
    await navigator.clipboard.writeText(this.text(this.chosen!));
    get("state").textContent = "The CIF is in the clipboard.";
  }

  private saveAll(): void {
    const files = this.made.map((made) => [`${this.name(made)}.cif`, this.text(made)] as const);
    save(`${this.model}-seed-${this.seed}.zip`, zip(files));
  }
}
