// Builds the package into dist/. With --page, only the page's scripts for the mock.
//
// The mock runs the very scripts that AuroraView puts into its pages (src/page of
// this repository), so what it does cannot differ from what the product does.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));
const page = join(root, "../src/page");
const generated = join(root, "src/mock/generated/page.js");

function writeIfOther(file, text) {
  let before;
  try {
    before = readFileSync(file, "utf8");
  } catch {
    before = undefined;
  }
  if (before !== text) writeFileSync(file, text);
}

function buildPage() {
  const script = (name) => readFileSync(join(page, name), "utf8").trim();
  const folder = mkdtempSync(join(tmpdir(), "auroraview-sdk-"));
  let joined;
  try {
    // The list and the order are those of the product's own build.
    const [, list] = /page_scripts = files\(([^)]*)\)/.exec(script("meson.build"));
    const files = list.match(/[\w.]+\.js/g).map((name) => join(page, name));
    const out = join(folder, "joined.js");
    execFileSync("python3", [join(page, "embed.py"), ...files, out]);
    joined = readFileSync(out, "utf8").trim();
  } finally {
    rmSync(folder, { recursive: true });
  }
  // The globals that the mock gives take the place of those of their names.
  writeIfOther(
    generated,
    `// Made by build.mjs from src/page; do not edit.
const builtins = (${script("builtins.js")})();
export const makeValues = (inlineLimit) => (${script("values.js")})(builtins, inlineLimit);
export const makeBridge = (globals, native, inlineLimit) => {
const { globalThis, document, Document, AbortSignal, setTimeout, clearTimeout, queueMicrotask } =
  globals;
return ${joined}(native, true, inlineLimit);
};
`,
  );
}

buildPage();
if (!process.argv.includes("--page")) {
  const dist = join(root, "dist");
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(join(dist, "mock/generated"), { recursive: true });
  execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", join(root, "tsconfig.build.json")], {
    stdio: "inherit",
  });
  for (const name of ["generated/page.js", "generated/page.d.ts"]) {
    cpSync(join(root, "src/mock", name), join(dist, "mock", name));
  }
}
