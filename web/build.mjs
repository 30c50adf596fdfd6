// Bundles the page into tfmat/web/static, where the package has its files: npm ci && npm run build.
import { build } from "esbuild";
import { cp, mkdir } from "node:fs/promises";

const out = new URL("../tfmat/web/static/", import.meta.url).pathname;
const common = { bundle: true, minify: true, target: "es2022", format: "esm", legalComments: "none" };
await mkdir(`${out}ort`, { recursive: true });
for (const name of ["app", "worker"]) {
  await build({ ...common, entryPoints: [`src/${name}.ts`], outfile: `${out}${name}.js` });
}
const runtime = "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm";
await cp(runtime, `${out}ort/ort-wasm-simd-threaded.wasm`);
