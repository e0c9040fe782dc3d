// The client before the page's real scripts, behind which the mock plays the host.
import { afterEach, expect, test, vi } from "vitest";
import {
  createAuroraView,
  getAuroraView,
  getAvailableFeatures,
  getEnvironment,
  hasFeature,
  hasFeatures,
  isAuroraView,
  isHostError,
} from "../src/index.js";
import { installMock, type MockCalls, type MockHost } from "../src/mock/index.js";
import { failure, until, type Api } from "./api.js";

let host: MockHost<Api> | undefined;

function install(calls: MockCalls<Api> = {}): MockHost<Api> {
  host = installMock<Api>({ calls });
  expect(host).toBeDefined();
  return host!;
}

afterEach(() => {
  host?.uninstall();
  host = undefined;
  vi.restoreAllMocks();
});

test("a call brings its argument there and its result back", async () => {
  install({ "api.greet": ({ name, loud }) => `Hello ${name}${loud ? "!" : "."}` });
  const av = createAuroraView<Api>();
  expect(await av.call("api.greet", { name: "Ada", loud: true })).toBe("Hello Ada!");
  expect(await av.api.greet({ name: "Ada" })).toBe("Hello Ada.");
  expect(await av.namespace("api").greet({ name: "Bob" })).toBe("Hello Bob.");
});

test("a namespace is no promise and has no inherited methods", async () => {
  install();
  const av = createAuroraView<Api>();
  expect(await av.api).toBe(av.api);
  expect(JSON.stringify({ api: av.api })).toBe('{"api":{}}');
});

test("a handler's error arrives with name, message, code and data", async () => {
  install({
    "api.count"() {
      throw Object.assign(new RangeError("too far"), { code: 7, data: { at: 3 } });
    },
  });
  const error = await failure(createAuroraView<Api>().call("api.count"));
  expect(isHostError(error)).toBe(true);
  expect(isHostError(error, "RangeError")).toBe(true);
  expect(isHostError(error, "Timeout")).toBe(false);
  expect(error).toMatchObject({ name: "RangeError", message: "too far", code: 7, data: { at: 3 } });
});

test("a method that nobody has is told at once", async () => {
  install();
  const error = await failure(createAuroraView<Api>().call("api.count"));
  expect(error).toMatchObject({ name: "MethodNotFound", code: -18 });
});

test("a time limit passes through, and aborts the handler", async () => {
  let aborted = false;
  install({
    "api.later": (_, { signal }) =>
      new Promise(() => signal.addEventListener("abort", () => (aborted = true))),
  });
  const error = await failure(createAuroraView<Api>().call("api.later", { ms: 1 }, { timeout: 5 }));
  expect(error).toMatchObject({ name: "Timeout", code: -4 });
  await until(() => aborted);
});

test("an abort signal passes through, and aborts the handler", async () => {
  const controller = new AbortController();
  let aborted = false;
  install({
    "api.later"(_, { signal }) {
      signal.addEventListener("abort", () => (aborted = true));
      controller.abort();
      return new Promise(() => {});
    },
  });
  const error = await failure(
    createAuroraView<Api>().call("api.later", undefined, { signal: controller.signal }),
  );
  expect(error).toMatchObject({ name: "AbortError", code: -5 });
  await until(() => aborted);
});

test("binary values arrive as what they were, and as copies", async () => {
  const points = new Float32Array([1, 2, 3]);
  let saved: unknown;
  install({
    "mesh.load": ({ path }) => ({ points, name: path }),
    "mesh.save"(mesh) {
      saved = mesh;
      return null;
    },
  });
  const av = createAuroraView<Api>();
  const mesh = await av.call("mesh.load", { path: "a" });
  expect(mesh.points).toBeInstanceOf(Float32Array);
  expect([...mesh.points]).toEqual([1, 2, 3]);
  expect(mesh.points.buffer).not.toBe(points.buffer);
  expect(await av.call("mesh.save", mesh)).toBeNull();
  expect(saved).toEqual({ points, name: "a" });
});

test("events go both ways, and wait for a listener that comes late", async () => {
  const mock = install();
  const av = createAuroraView<Api>();
  const selected: number[] = [];
  mock.on("selected", ({ id }) => selected.push(id));
  mock.emit("progress", { fraction: 0.25 });
  const heard: number[] = [];
  const remove = av.on("progress", ({ fraction }) => heard.push(fraction));
  await until(() => heard.length === 1);
  mock.emit("progress", { fraction: 0.5 });
  remove();
  mock.emit("progress", { fraction: 0.75 });
  av.emit("selected", { id: 4 });
  await until(() => selected.length === 1);
  expect(heard).toEqual([0.25, 0.5]);
  expect(selected).toEqual([4]);
});

test("once hears once, and off removes only what this client added", () => {
  const mock = install();
  const one = createAuroraView<Api>();
  const other = createAuroraView<Api>();
  const heard: string[] = [];
  one.once("progress", () => heard.push("once"));
  const kept = (): void => void heard.push("kept");
  const dropped = (): void => void heard.push("dropped");
  one.on("progress", kept);
  one.on("progress", dropped);
  other.on("progress", () => heard.push("other"));
  one.off("progress", dropped);
  mock.emit("progress", { fraction: 0 });
  mock.emit("progress", { fraction: 1 });
  expect(heard).toEqual(["once", "kept", "other", "kept", "other"]);
  one.off("progress");
  mock.emit("progress", { fraction: 1 });
  expect(heard.slice(5)).toEqual(["other"]);
});

test("without a host: what waits, what fails, and that it is told", async () => {
  const av = createAuroraView<Api>();
  expect(av.isReady()).toBe(false);
  expect(av.getRawBridge()).toBeUndefined();
  expect(await failure(av.call("api.count"))).toMatchObject({ name: "Unavailable" });
  expect(() => av.emit("closed")).toThrow(/no host/);
  expect(await failure(av.whenReady({ timeout: 5 }))).toMatchObject({ name: "Timeout" });
  const controller = new AbortController();
  const waits = failure(av.whenReady({ timeout: 0, signal: controller.signal }));
  controller.abort();
  expect(await waits).toMatchObject({ name: "AbortError" });
  expect(await failure(av.whenReady({ signal: controller.signal }))).toMatchObject({
    name: "AbortError",
  });
});

test("listeners and waiters of a page without a host get the mock that comes later", async () => {
  const av = createAuroraView<Api>();
  const heard: number[] = [];
  av.on("progress", ({ fraction }) => heard.push(fraction));
  const removed = av.on("progress", () => heard.push(-1));
  removed();
  const ready = av.whenReady();
  const mock = install();
  expect(await ready).toBe(av);
  expect(av.isReady()).toBe(true);
  mock.emit("progress", { fraction: 1 });
  await until(() => heard.length > 0);
  expect(heard).toEqual([1]);
});

test("whenReady rejects when the bridge says that it failed", async () => {
  const bridge = {
    ...install(),
    isReady: () => false,
    whenReady: () => Promise.reject(new Error("the host has gone")),
  };
  const av = createAuroraView<Api>({ bridge: bridge as never });
  expect(await failure(av.whenReady())).toMatchObject({ message: "the host has gone" });
});

test("the default time limit is a setting", async () => {
  install({ "api.count": () => new Promise<number>(() => {}) });
  const av = createAuroraView<Api>();
  expect(av.setConfig({ callTimeoutMs: 5 })).toEqual({ callTimeoutMs: 5 });
  expect(await failure(av.call("api.count"))).toMatchObject({ name: "Timeout" });
});

test("one shared client, as many own ones as wanted", () => {
  expect(getAuroraView()).toBe(getAuroraView());
  expect(createAuroraView()).not.toBe(createAuroraView());
});

test("where a page is, and what its bridge can do", () => {
  expect([getEnvironment(), isAuroraView(), hasFeature("call")]).toEqual(["browser", false, false]);
  expect(getAvailableFeatures()).toEqual([]);
  install();
  expect([getEnvironment(), isAuroraView(), hasFeature("call")]).toEqual(["mock", false, true]);
  expect(hasFeatures("call", "emit", "on")).toBe(true);
  expect(hasFeatures("call", "teleport")).toBe(false);
  expect(hasFeature("toString")).toBe(false);
  expect(getAvailableFeatures()).toContain("whenReady");
  host?.uninstall();
  vi.stubGlobal("auroraview", {});
  expect([getEnvironment(), isAuroraView()]).toEqual(["host", true]);
  vi.unstubAllGlobals();
});
