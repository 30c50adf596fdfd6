/** The page: choose a model, ask, and see what is made as it is made. */

import { CrystalTable } from "./crystals";
import { get, make } from "./dom";
import { Elements } from "./elements";
import { FormulaTable } from "./formula_table";
import { masksOf } from "./masks";
import { Model } from "./model";
import { PeriodicTable } from "./periodic";
import { offerSources, wishOf } from "./wish";
import type { Answer, Order } from "./worker";

const base = new URL(".", location.href).href;
const worker = new Worker(new URL("worker.js", base), { type: "module" });
const order = (words: Order): void => worker.postMessage(words);

let model: Model | null = null;
let elements: Elements = {};
let job = 0;
let busy = false;

const periodic = new PeriodicTable(get("periodic"), filter);
const crystals = new CrystalTable();
const formulas = new FormulaTable();

function say(text: string, wrong = false): void {
  get("state").textContent = text;
  get("state").classList.toggle("wrong", wrong);
}

/** Shows the formulas that are asked for now, of those that were made. */
function filter(): void {
  if (model?.kind !== "formulas") return;
  try {
    formulas.filter(masksOf(periodic));
    if (!busy) say(formulas.count());
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), true);
  }
}

async function begin(): Promise<void> {
  const answer = await fetch(new URL("models.json", base));
  const names: { name: string; title: string }[] = await answer.json();
  const choice = get<HTMLSelectElement>("model");
  for (const { name, title } of names) choice.append(make("option", title, { value: name }));
  const named = location.hash.slice(1);
  if (names.some(({ name }) => name === named)) choice.value = named;
  choice.addEventListener("change", () => {
    history.replaceState(null, "", `#${choice.value}`);
    load(choice.value);
  });
  load(choice.value);
}

function load(name: string): void {
  model = null;
  setBusy(true);
  say("Fetching the model ...");
  order({ kind: "load", base, name });
}

function setBusy(now: boolean): void {
  busy = now;
  get<HTMLButtonElement>("make").disabled = now;
  get<HTMLButtonElement>("stop").disabled = !now || model === null;
}

function shown(loaded: Model): void {
  model = loaded;
  get("about").textContent = loaded.about;
  get("warnings").replaceChildren(...loaded.warnings.map((text) => make("li", text)));
  get<HTMLAnchorElement>("card").href = `models/${loaded.name}/card.txt`;
  const tags: string[] = loaded.kind === "crystals" ? [loaded.kind, loaded.form] : [loaded.kind];
  periodic.show(loaded.elements, elements, !tags.includes("writer"));
  document.querySelectorAll<HTMLElement>("[data-kind]").forEach((part) => {
    part.hidden = !part.dataset.kind!.split(" ").some((tag) => tags.includes(tag));
  });
  if (loaded.kind === "crystals" && loaded.form === "sources") offerSources(loaded);
  get<HTMLInputElement>("alone").checked = loaded.kind === "crystals";
  crystals.clear(elements);
  formulas.clear(elements);
  setBusy(false);
  say("Ready.");
}

function generate(event: Event): void {
  event.preventDefault();
  if (!model || busy) return;
  const seedText = get<HTMLInputElement>("seed").value.trim();
  if (!/^\d{1,19}$/.test(seedText)) return say("A seed is a whole number, 0 or more.", true);
  const seed = BigInt(seedText);
  job += 1;
  try {
    if (model.kind === "crystals") {
      const count = Math.max(1, Math.min(10000, Number(get<HTMLInputElement>("number").value) || 1));
      const wish = wishOf(model, periodic, elements);
      crystals.begin(seed, model);
      order({ kind: "crystals", job, seed, first: 0, count, wish });
    } else {
      formulas.begin(seed);
      formulas.filter(masksOf(periodic));
      const blocks = Math.max(1, Math.min(100, Number(get<HTMLInputElement>("blocks").value) || 1));
      order({ kind: "formulas", job, seed, blocks });
    }
  } catch (error) {
    return say(error instanceof Error ? error.message : String(error), true);
  }
  setBusy(true);
  say("Making ...");
}

worker.onmessage = ({ data }: MessageEvent<Answer>): void => {
  if (data.kind === "loaded") {
    elements = data.elements;
    return shown(data.model);
  }
  if (data.job !== null && data.job !== job) return;
  if (data.kind === "crystal") {
    crystals.add(data.made);
    say(crystals.count());
  } else if (data.kind === "counts") {
    formulas.add(data.counts);
    say(formulas.count());
  } else if (data.kind === "done") {
    setBusy(false);
    say(model?.kind === "crystals" ? crystals.count() : formulas.count());
  } else {
    setBusy(false);
    say(data.reason, true);
  }
};
worker.onerror = (event): void => say(`The networks did not start: ${event.message}`, true);

get("form").addEventListener("submit", generate);
get("stop").addEventListener("click", () => order({ kind: "stop" }));
get("clear").addEventListener("click", () => {
  periodic.clear();
  filter();
});
for (const id of ["alone", "balanced", "kinds"]) get(id).addEventListener("change", filter);
get("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.dataset.theme ?? (dark ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  crystals.redraw();
});
if ("serviceWorker" in navigator && location.protocol.startsWith("http")) {
  // Where it is refused the page works all the same, but not without a network.
  navigator.serviceWorker.register("sw.js").catch(() => undefined);
}
void begin().catch((error) => say(String(error), true));
