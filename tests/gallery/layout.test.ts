import assert from "node:assert/strict";
import { test } from "node:test";
import { CAPTION, GAP, layOut, PADDING, place, reveal, step, visible } from "../../gallery/asset_browser/web/src/layout.js";

test("cells fill the width and never overlap", () => {
  for (let width = 60; width < 1500; width += 13) {
    const layout = layOut(1000, width, 104);
    assert.ok(layout.columns >= 1);
    assert.equal(layout.rows, Math.ceil(1000 / layout.columns));
    const last = place(layout, layout.columns - 1);
    assert.ok(last.x + layout.cellWidth <= Math.max(width, 60) - PADDING + 1, `width ${width}`);
    assert.ok(width - (last.x + layout.cellWidth) < PADDING + layout.columns);
    const below = place(layout, layout.columns);
    assert.equal(below.x, PADDING);
    assert.ok(below.y >= place(layout, 0).y + layout.cellHeight + GAP);
  }
});

test("an empty list has no height", () => {
  const layout = layOut(0, 500, 100);
  assert.equal(layout.height, 0);
  assert.deepEqual(visible(layout, 0, 0, 600, 2), [0, 0]);
});

test("the visible range covers the view exactly and stays small", () => {
  const count = 5003;
  const layout = layOut(count, 430, 104);
  for (let scroll = 0; scroll <= layout.height; scroll += 97) {
    const [first, last] = visible(layout, count, scroll, 600, 0);
    for (let i = 0; i < count; i++) {
      const { y } = place(layout, i);
      const inView = y + layout.cellHeight > scroll && y < scroll + 600;
      if (inView) assert.ok(i >= first && i < last, `cell ${i} at scroll ${scroll}`);
    }
    assert.ok(last - first <= (Math.ceil(600 / (layout.cellHeight + GAP)) + 1) * layout.columns);
  }
});

test("spare rows stay within the list, also past its ends", () => {
  const layout = layOut(10, 430, 104);
  assert.deepEqual(visible(layout, 10, 0, 50, 99), [0, 10]);
  assert.deepEqual(visible(layout, 10, -500, 50, 0), [0, 0]);
  assert.deepEqual(visible(layout, 10, 100_000, 50, 0), [10, 10]);
});

test("reveal moves as little as needed", () => {
  const layout = layOut(500, 430, 104);
  const row = layout.cellHeight + GAP;
  assert.equal(reveal(layout, 0, 0, 400), 0);
  assert.equal(reveal(layout, 0, 900, 400), 0);
  const down = reveal(layout, layout.columns * 20, 0, 400);
  const { y } = place(layout, layout.columns * 20);
  assert.equal(down, y + layout.cellHeight + PADDING - 400);
  assert.equal(reveal(layout, layout.columns * 20, y - 100, 400), y - 100);
  assert.equal(layout.cellHeight, layout.cellWidth + CAPTION);
  assert.ok(row > 0);
});

test("arrow keys", () => {
  const layout = layOut(10, 4 * 104 + 3 * GAP + 2 * PADDING, 104);
  assert.equal(layout.columns, 4);
  const go = (from: number, key: string): number => step(layout, 10, from, key);
  assert.equal(go(-1, "ArrowDown"), 0);
  assert.equal(go(0, "ArrowLeft"), 0);
  assert.equal(go(3, "ArrowRight"), 4);
  assert.equal(go(9, "ArrowRight"), 9);
  assert.equal(go(1, "ArrowUp"), 1);
  assert.equal(go(5, "ArrowUp"), 1);
  assert.equal(go(5, "ArrowDown"), 9);
  assert.equal(go(7, "ArrowDown"), 9); // the last row is short
  assert.equal(go(8, "ArrowDown"), 8);
  assert.equal(go(5, "Home"), 0);
  assert.equal(go(5, "End"), 9);
  assert.equal(go(0, "PageDown"), 9);
  assert.equal(step(layout, 0, -1, "ArrowDown"), -1);
});
