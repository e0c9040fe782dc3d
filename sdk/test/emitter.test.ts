import { expect, test, vi } from "vitest";
import { EventEmitter } from "../src/index.js";

interface Events {
  a: number;
  b: string;
}

test("listeners run in order, removed ones not, new ones next time", () => {
  const emitter = new EventEmitter<Events>();
  const heard: unknown[] = [];
  const second = (detail: number): void => void heard.push(["second", detail]);
  emitter.on("a", (detail) => {
    heard.push(["first", detail]);
    emitter.off("a", second);
    emitter.once("a", (late) => heard.push(["late", late]));
  });
  emitter.on("a", second);
  expect(emitter.listenerCount("a")).toBe(2);
  expect(emitter.emit("a", 1)).toBe(true);
  expect(heard).toEqual([["first", 1]]);
  emitter.emit("a", 2);
  expect(heard.slice(1)).toEqual([
    ["first", 2],
    ["late", 2],
  ]);
  emitter.off("a");
  expect(emitter.emit("a", 3)).toBe(false);
  expect(emitter.listenerCount("a")).toBe(0);
});

test("one that throws is reported, and the others run", () => {
  const report = vi.spyOn(console, "error").mockImplementation(() => {});
  const emitter = new EventEmitter<Events>();
  const heard: string[] = [];
  emitter.on("b", () => {
    throw new Error("bad");
  });
  emitter.on("b", (detail) => heard.push(detail));
  emitter.emit("b", "x");
  expect(heard).toEqual(["x"]);
  expect(report).toHaveBeenCalledOnce();
  report.mockRestore();
});

test("the same function added twice runs twice", () => {
  const emitter = new EventEmitter<Events>();
  let count = 0;
  const listener = (): void => void count++;
  const remove = emitter.on("a", listener);
  emitter.on("a", listener);
  emitter.emit("a", 1);
  remove();
  emitter.emit("a", 1);
  expect(count).toBe(3);
});
