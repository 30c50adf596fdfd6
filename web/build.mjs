// Bundles the page into tfmat/web/static, where the package has its files: npm ci && npm run build.
import { build } from "esbuild";
import { cp, mkdir } from "node:fs/promises";

const out = new URL("../tfmat/web/static/", import.meta.url).pathname;
const common = { bundle: true, minify: true, target: "es2022", format: "esm", legalComments: "none" };
for (const folder of ["ort", "moyo"]) await mkdir(`${out}${folder}`, { recursive: true });
for (const name of ["app", "worker"]) {
  await build({ ...common, entryPoints: [`src/${name}.ts`], outfile: `${out}${name}.js` });
}
for (const ending of ["mjs", "wasm"]) {
  const file = `ort-wasm-simd-threaded.${ending}`;
  await cp(`node_modules/onnxruntime-web/dist/${file}`, `${out}ort/${file}`);
}
const moyo = "moyo_wasm_bg.wasm";
await cp(`node_modules/@spglib/moyo-wasm/${moyo}`, `${out}moyo/${moyo}`);
