// Bundles the panel into dist/. Everything is local: the page loads nothing from a network.
import { build } from "esbuild";
import { cp, mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

await rm(here("dist"), { recursive: true, force: true });
await mkdir(here("dist"), { recursive: true });
await build({
  entryPoints: [here("src/main.ts"), here("src/style.css")],
  outdir: here("dist"),
  bundle: true,
  format: "esm",
  target: "safari16",
  minify: true,
  sourcemap: true,
  legalComments: "linked",
  logLevel: "warning",
});
await cp(here("src/index.html"), here("dist/index.html"));
