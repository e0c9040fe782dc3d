// Builds the package into dist/. With --page, only the page's scripts for the mock.
//
// The mock runs the very scripts that AuroraView puts into its pages (src/page of
// this repository), so what it does cannot differ from what the product does.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  const script = (name) => `(${readFileSync(join(page, `${name}.js`), "utf8").trim()})`;
  // bridge.js gets the globals that it looks at from the mock.
  writeIfOther(
    generated,
    `// Made by build.mjs from src/page; do not edit.
const builtins = ${script("builtins")}();
const bridge = ({ globalThis, document, Document, AbortSignal }) =>
${script("bridge")};
export const makeValues = (inlineLimit) => ${script("values")}(builtins, inlineLimit);
export const makeBridge = (globals, native, inlineLimit) =>
  bridge(globals)(builtins, makeValues(inlineLimit), native, true);
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
