/**
 * The periodic table, to choose elements: a click asks for one, a second one leaves it out. Arrows
 * go from one to the next, so that Tab passes the table in one step.
 */

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
    for (const number of [...numbers].sort((one, other) => one - other)) {
      const { symbol, column, row } = elements[number];
      const button = make("button", symbol, { type: "button", "aria-pressed": "false" });
      button.dataset.element = symbol;
      button.tabIndex = this.buttons.size === 0 ? 0 : -1;
      button.style.gridColumn = String(column);
      button.style.gridRow = String(row);
      button.addEventListener("click", () => this.turn(number, symbol, excludable));
      button.addEventListener("keydown", (event) => this.step(event, button));
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

  /** Moves to the nearest element in the direction of an arrow. */
  private step(event: KeyboardEvent, from: HTMLButtonElement): void {
    const directions: Record<string, [number, number]> = {
      ArrowRight: [1, 0],
      ArrowLeft: [-1, 0],
      ArrowDown: [0, 1],
      ArrowUp: [0, -1],
    };
    const direction = directions[event.key];
    if (!direction) return;
    event.preventDefault();
    const place = ({ style }: HTMLElement) => [Number(style.gridColumnStart), Number(style.gridRowStart)];
    const [x, y] = place(from);
    const steps = [...this.buttons.values()].map((button) => {
      const [across, down] = [place(button)[0] - x, place(button)[1] - y];
      const along = across * direction[0] + down * direction[1];
      const aside = Math.abs(across * direction[1] + down * direction[0]);
      return { button, along, far: along + 10 * aside };
    });
    const ahead = steps.filter(({ along }) => along > 0).sort((one, other) => one.far - other.far);
    if (ahead.length === 0) return;
    from.tabIndex = -1;
    ahead[0].button.tabIndex = 0;
    ahead[0].button.focus();
  }

  private turn(number: number, symbol: string, excludable: boolean): void {
    const before = this.chosen.get(number) ?? "any";
    const next: Record<Choice, Choice> = {
      any: "wanted",
      wanted: excludable ? "excluded" : "any",
      excluded: "any",
    };
    for (const button of this.buttons.values()) button.tabIndex = -1;
    this.buttons.get(number)!.tabIndex = 0;
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
