/** Runs the networks beside the page, so that it stays alive; says what is made as it is made. */

import type { InferenceSession } from "onnxruntime-web";
import { Table, tables } from "./arrays";
import { Elements } from "./elements";
import { BLOCK, block } from "./formulas";
import { Made, Model, Wish } from "./model";
import { session, start } from "./runtime";
import { Sources } from "./sources";
import { startSymmetry } from "./symmetry";
import { compositions, write } from "./writer";

export type Order =
  | { kind: "load"; base: string; name: string }
  | { kind: "crystals"; job: number; seed: bigint; first: number; count: number; wish: Wish }
  | { kind: "formulas"; job: number; seed: bigint; blocks: number }
  | { kind: "stop" };

export type Answer =
  | { kind: "loaded"; model: Model; elements: Elements }
  | { kind: "crystal"; job: number; made: Made }
  | { kind: "counts"; job: number; counts: Map<number, number>[] }
  | { kind: "done"; job: number }
  | { kind: "failed"; job: number | null; reason: string };

const say = (answer: Answer): void => self.postMessage(answer);
let model: Model;
let elements: Elements;
let parts: Record<string, InferenceSession> = {};
let arrays: Record<string, Table> = {};
let current: number | null = null;

self.onmessage = async ({ data }: MessageEvent<Order>): Promise<void> => {
  if (data.kind === "stop") {
    current = null;
    return;
  }
  const job = data.kind === "load" ? null : data.job;
  try {
    if (data.kind === "load") await load(data.base, data.name);
    else if (data.kind === "crystals") await crystals(data);
    else await formulas(data);
  } catch (error) {
    say({ kind: "failed", job, reason: error instanceof Error ? error.message : String(error) });
  }
};

async function load(base: string, name: string): Promise<void> {
  const fetched = async (path: string): Promise<Response> => {
    const answer = await fetch(new URL(path, base));
    if (!answer.ok) throw new Error(`${path} is not there (${answer.status})`);
    return answer;
  };
  start(base);
  current = null;
  model = await (await fetched(`models/${name}/model.json`)).json();
  elements ??= await (await fetched("elements.json")).json();
  parts = {};
  for (const [part, file] of Object.entries(model.files)) {
    parts[part] = await session(await (await fetched(`models/${name}/${file}`)).arrayBuffer());
  }
  if (model.kind === "crystals") await startSymmetry(base);
  const file = `models/${name}/arrays.bin`;
  const placed = "arrays" in model ? model.arrays : null;
  arrays = placed ? tables(await (await fetched(file)).arrayBuffer(), placed) : {};
  say({ kind: "loaded", model, elements });
}

/** Lets messages in: another order may say that this one is to stop. */
const breath = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

async function crystals(order: Order & { kind: "crystals" }): Promise<void> {
  const make = maker(order.wish);
  current = order.job;
  for (let index = order.first; index < order.first + order.count; index++) {
    const made = await make(order.seed, index);
    say({ kind: "crystal", job: order.job, made });
    await breath();
    if (current !== order.job) break;
  }
  say({ kind: "done", job: order.job });
}

/** What makes the crystal of a seed and an index. */
function maker(wish: Wish): (seed: bigint, index: number) => Promise<Made> {
  const card = model;
  if (card.kind !== "crystals") throw new Error(`${card.name} makes no crystals`);
  if (card.form === "sources") {
    const sources = new Sources(card, parts, arrays, elements, wish);
    return (seed, index) => sources.make(seed, index);
  }
  const rows = compositions(card, wish);
  if (rows.length === 0) throw new Error("The model knows no such cell: ask for fewer conditions.");
  const sessions = { writer: parts.writer, constraint: parts.constraint };
  return (seed, index) => write(card, sessions, rows, seed, index, elements);
}

async function formulas(order: Order & { kind: "formulas" }): Promise<void> {
  if (model.kind !== "formulas") throw new Error(`${model.name} makes no formulas`);
  current = order.job;
  for (let number = 0; number < order.blocks; number++) {
    const counts = await block(model, parts.generate, order.seed, number, BLOCK);
    say({ kind: "counts", job: order.job, counts });
    await breath();
    if (current !== order.job) break;
  }
  say({ kind: "done", job: order.job });
}
