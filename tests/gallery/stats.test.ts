import assert from "node:assert/strict";
import { test } from "node:test";
import { LEVELS, Quality } from "../../gallery/asset_browser/web/src/quality.js";
import { formatBytes, formatCount, formatMilliseconds, FrameCounter, quantile, Recent } from "../../gallery/asset_browser/web/src/stats.js";

test("quantiles", () => {
  assert.ok(Number.isNaN(quantile([], 0.5)));
  assert.equal(quantile([7], 0.99), 7);
  assert.equal(quantile([3, 1, 2], 0.5), 2);
  assert.equal(quantile([1, 2, 3, 4], 0.5), 2.5);
});

test("only the last values count", () => {
  const recent = new Recent(3);
  for (const value of [100, 1, 2, 3]) recent.push(value);
  assert.equal(recent.count, 3);
  assert.equal(recent.median, 2);
});

test("frames of the last second", () => {
  const counter = new FrameCounter();
  let shown = 0;
  for (let i = 0; i < 300; i++) shown = counter.frame((i * 1000) / 60);
  assert.ok(Math.abs(shown - 60) <= 1);
  assert.equal(counter.frame(60_000), 1);
});

test("formats", () => {
  assert.deepEqual([0, 999, 1000, 9949, 123_456, 999_600, 5e12].map(formatBytes), ["0 B", "999 B", "1.0 kB", "9.9 kB", "123 kB", "1.0 MB", "5.0 TB"]);
  assert.deepEqual([0, 999, 1000, 1234567].map(formatCount), ["0", "999", "1\u202f000", "1\u202f234\u202f567"]);
  assert.deepEqual([NaN, 0.034, 1.26, 12.4].map(formatMilliseconds), ["–", "0.03 ms", "1.3 ms", "12 ms"]);
});

/** Runs `seconds` of frames at `rate` and returns how often the level changed. */
function run(quality: Quality, clock: { now: number }, rate: (ratio: number, every: number) => number, seconds: number): number {
  let changes = 0;
  const end = clock.now + seconds * 1000;
  while (clock.now < end) {
    if (quality.frame(clock.now)) changes++;
    clock.now += 1000 / rate(quality.level.ratio, quality.level.every);
  }
  return changes;
}

test("a fast machine gets the finest level and keeps it", () => {
  const quality = new Quality();
  const clock = { now: 5 };
  run(quality, clock, () => 60, 10);
  assert.equal(quality.level, LEVELS[0]);
  assert.equal(run(quality, clock, () => 60, 60), 0);
});

test("a slow machine settles on the finest level that keeps the rate, without going back and forth", () => {
  const quality = new Quality();
  const clock = { now: 5 };
  const rate = (ratio: number, every: number): number => (every >= 2 && ratio < 1 ? 60 : 30);
  run(quality, clock, rate, 10);
  assert.deepEqual(quality.level, { ratio: 0.75, every: 2 });
  // A try takes two changes, and the waits between them grow.
  const changes = run(quality, clock, rate, 600);
  assert.ok(changes > 0 && changes <= 12, `${changes} changes`);
});

test("when something else kept the machine busy, the picture gets finer again afterwards", () => {
  const quality = new Quality();
  const clock = { now: 5 };
  run(quality, clock, () => 30, 20);
  assert.equal(quality.level, LEVELS[LEVELS.length - 1]);
  run(quality, clock, () => 60, 240);
  assert.equal(quality.level, LEVELS[0]);
});

test("the coarsest level is kept where even that is too slow", () => {
  const quality = new Quality();
  const clock = { now: 5 };
  run(quality, clock, () => 10, 20);
  assert.equal(quality.level, LEVELS[LEVELS.length - 1]);
  assert.equal(run(quality, clock, () => 10, 20), 0);
});

test("a pause is not slowness, and another mesh gets a new try", () => {
  const quality = new Quality();
  const clock = { now: 5 };
  run(quality, clock, (ratio) => (ratio > 1 ? 20 : 60), 10);
  assert.equal(quality.level.ratio, 1);
  quality.restart();
  clock.now += 3_000;
  assert.equal(run(quality, clock, () => 60, 1), 0);
  quality.reset();
  run(quality, clock, () => 60, 10);
  assert.equal(quality.level, LEVELS[0]);
});
