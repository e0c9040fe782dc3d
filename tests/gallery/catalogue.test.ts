import assert from "node:assert/strict";
import { test } from "node:test";
import type { Columns } from "../../gallery/asset_browser/web/src/bridge.js";
import { Catalogue, parseTerms } from "../../gallery/asset_browser/web/src/catalogue.js";

type Row = [id: number, folder: number, kind: number, name: string, size?: number, mtime?: number];

function columns(folders: [number, number, string][], rows: Row[]): Columns {
  return {
    folders: {
      id: Uint32Array.from(folders, (f) => f[0]),
      parent: Int32Array.from(folders, (f) => f[1]),
      name: folders.map((f) => f[2]),
    },
    assets: {
      id: Uint32Array.from(rows, (r) => r[0]),
      folder: Uint32Array.from(rows, (r) => r[1]),
      kind: Uint8Array.from(rows, (r) => r[2]),
      name: rows.map((r) => r[3]),
      size: Float64Array.from(rows, (r) => r[4] ?? 1),
      mtime: Float64Array.from(rows, (r) => r[5] ?? 1),
    },
  };
}

function sample(): Catalogue {
  const catalogue = new Catalogue();
  catalogue.add(
    columns(
      [[0, -1, "Root"], [1, 0, "Wood"], [2, 1, "Fine"], [3, 0, "Metal"]],
      [
        [10, 0, 0, "b10.png", 5, 3],
        [11, 1, 0, "Oak.JPG", 9, 1],
        [12, 2, 1, "chair.obj", 7, 2],
        [13, 3, 0, "b9.png", 9, 9],
      ],
    ),
  );
  return catalogue;
}

const names = (catalogue: Catalogue): string[] => catalogue.shown.map((a) => a.name);

test("terms", () => {
  assert.deepEqual(parseTerms("  Red  -Old .PNG - -  x.y "), { want: ["red", "x.y"], refuse: ["old"], extensions: ["png"] });
  assert.deepEqual(parseTerms(""), { want: [], refuse: [], extensions: [] });
  assert.deepEqual(parseTerms("."), { want: ["."], refuse: [], extensions: [] });
});

test("the filter looks at names, folders and extensions", () => {
  const catalogue = sample();
  const filtered = (text: string): string[] => {
    catalogue.setQuery({ text });
    return names(catalogue);
  };
  assert.deepEqual(filtered("oak"), ["Oak.JPG"]);
  assert.deepEqual(filtered("WOOD"), ["Oak.JPG", "chair.obj"]);
  assert.deepEqual(filtered("wood fine"), ["chair.obj"]);
  assert.deepEqual(filtered("-wood"), ["b10.png", "b9.png"]);
  assert.deepEqual(filtered(".png"), ["b10.png", "b9.png"]);
  assert.deepEqual(filtered(".pn"), ["b10.png", "b9.png"]);
  assert.deepEqual(filtered(".png .obj"), ["b10.png", "chair.obj", "b9.png"]);
  assert.deepEqual(filtered("nothing like it"), []);
  assert.deepEqual(filtered("("), []);
  assert.equal(filtered("").length, 4);
});

test("kind and folder", () => {
  const catalogue = sample();
  assert.deepEqual(catalogue.counts, { image: 3, mesh: 1 });
  catalogue.setQuery({ kind: "mesh" });
  assert.deepEqual(names(catalogue), ["chair.obj"]);
  catalogue.setQuery({ kind: "image", folder: 1 });
  assert.deepEqual(names(catalogue), ["Oak.JPG"]);
  catalogue.setQuery({ kind: "all" });
  assert.deepEqual(names(catalogue), ["Oak.JPG", "chair.obj"]);
  assert.ok(catalogue.inside(2, 0) && !catalogue.inside(1, 2));
  assert.deepEqual(catalogue.trail(2).map((f) => f.name), ["Root", "Wood", "Fine"]);
});

test("orders", () => {
  const catalogue = sample();
  catalogue.setQuery({ sort: "name" });
  assert.deepEqual(names(catalogue), ["b9.png", "b10.png", "chair.obj", "Oak.JPG"]);
  catalogue.setQuery({ sort: "size" });
  assert.deepEqual(names(catalogue), ["Oak.JPG", "b9.png", "chair.obj", "b10.png"]);
  catalogue.setQuery({ sort: "date" });
  assert.deepEqual(names(catalogue), ["b9.png", "b10.png", "chair.obj", "Oak.JPG"]);
});

test("what arrives later obeys the query and the order", () => {
  const catalogue = sample();
  catalogue.setQuery({ text: ".png", sort: "name" });
  catalogue.add(columns([[4, 3, "New"]], [[20, 4, 0, "b9a.png"], [21, 4, 0, "x.jpg"]]));
  assert.deepEqual(names(catalogue), ["b9.png", "b9a.png", "b10.png"]);
  assert.equal(catalogue.position(20), 1);
  assert.equal(catalogue.position(21), -1);
  assert.equal(catalogue.folders.get(4)?.path, "Root / Metal / New");
});

test("clear keeps the text, not the folder", () => {
  const catalogue = sample();
  catalogue.setQuery({ text: "b", folder: 3 });
  catalogue.clear();
  assert.deepEqual([catalogue.shown, catalogue.assets.size, catalogue.query.folder, catalogue.query.text], [[], 0, null, "b"]);
});

test("a hundred thousand assets", () => {
  const catalogue = new Catalogue();
  const rows: Row[] = Array.from({ length: 100_000 }, (_, i) => [i + 1, 0, 0, `texture_${i}.png`]);
  catalogue.add(columns([[0, -1, "Root"]], rows));
  catalogue.setQuery({ text: "99999" });
  assert.equal(catalogue.shown.length, 1);
});
