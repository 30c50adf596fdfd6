/** ONNX Runtime in this page: its program lies in the folder `ort` beside it. */

import * as ort from "onnxruntime-web/wasm";

/** @param base Address of the site, for a script that may lie elsewhere. */
export function start(base: string): void {
  const file = (ending: string): string => new URL(`ort/ort-wasm-simd-threaded.${ending}`, base).href;
  // Its own script is named, too: its threads run that, not the script that asks for them.
  ort.env.wasm.wasmPaths = { mjs: file("mjs"), wasm: file("wasm") };
  // Threads share memory, which a browser allows only where the server asks for it (COOP, COEP).
  const cores = navigator.hardwareConcurrency ?? 1;
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? Math.min(4, cores) : 1;
}

export function tensor(values: Float32Array, shape: readonly number[]): ort.Tensor {
  return new ort.Tensor("float32", values, shape);
}

export async function session(bytes: ArrayBuffer): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
}
