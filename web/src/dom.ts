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
