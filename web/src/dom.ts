/** Small helpers for the page; texts go in as texts, never as HTML. */

export function get<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  kind: K,
  text = "",
  attributes: Readonly<Record<string, string>> = {},
): HTMLElementTagNameMap[K] {
  const element = document.createElement(kind);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

export function save(name: string, content: Blob): void {
  const link = make("a", "", { download: name, href: URL.createObjectURL(content) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** A formula with its numbers as subscripts. */
export function formulaCell(formula: string): HTMLTableCellElement {
  const cell = make("td");
  for (const part of formula.match(/\d+|\D+/g) ?? []) {
    cell.append(/\d/.test(part) ? make("sub", part) : part);
  }
  return cell;
}

/** What stands in a field. */
export const text = (id: string): string => get<HTMLInputElement>(id).value.trim();

/** A number or a range in a field, as 2-3. */
export function span(
  id: string,
  otherwise: readonly [number, number],
  name: string,
): readonly [number, number] {
  const given = text(id);
  if (given === "") return otherwise;
  const found = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(given);
  const ends = found ? [Number(found[1]), Number(found[2] ?? found[1])] : [0, 0];
  if (ends[0] < 1 || ends[1] < ends[0]) throw new Error(`${name}: write a number or a range, as 2-3.`);
  return [ends[0], ends[1]];
}
