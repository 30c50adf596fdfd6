/** The periodic table, to choose elements: a click asks for one, a second one leaves it out. */

import { make } from "./dom";
import { Elements } from "./elements";

export type Choice = "any" | "wanted" | "excluded";

export class PeriodicTable {
  private readonly chosen = new Map<number, Choice>();
  private readonly buttons = new Map<number, HTMLButtonElement>();

  /** @param change Is called after each choice. */
  constructor(
    private readonly place: HTMLElement,
    private readonly change: () => void,
  ) {}

  /** Shows the elements of a model. */
  show(numbers: readonly number[], elements: Elements, excludable: boolean): void {
    this.place.replaceChildren();
    this.chosen.clear();
    this.buttons.clear();
    for (const number of numbers) {
      const { symbol, column, row } = elements[number];
      const button = make("button", symbol, { type: "button", "aria-pressed": "false" });
      button.dataset.element = symbol;
      button.style.gridColumn = String(column);
      button.style.gridRow = String(row);
      button.addEventListener("click", () => this.turn(number, symbol, excludable));
      this.buttons.set(number, button);
      this.place.append(button);
    }
  }

  with(choice: Choice): number[] {
    return [...this.chosen].filter(([, own]) => own === choice).map(([number]) => number);
  }

  clear(): void {
    for (const number of this.chosen.keys()) this.mark(number, "any");
    this.chosen.clear();
  }

  private turn(number: number, symbol: string, excludable: boolean): void {
    const before = this.chosen.get(number) ?? "any";
    const next: Record<Choice, Choice> = {
      any: "wanted",
      wanted: excludable ? "excluded" : "any",
      excluded: "any",
    };
    this.chosen.set(number, next[before]);
    this.mark(number, next[before]);
    const words = { any: "free", wanted: "wanted", excluded: "left out" }[next[before]];
    this.buttons.get(number)!.setAttribute("aria-label", `${symbol}, ${words}`);
    this.change();
  }

  private mark(number: number, choice: Choice): void {
    const button = this.buttons.get(number)!;
    button.dataset.choice = choice;
    button.setAttribute("aria-pressed", { any: "false", wanted: "true", excluded: "mixed" }[choice]);
  }
}
