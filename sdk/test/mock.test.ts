import { afterEach, expect, test, vi } from "vitest";
import { createAuroraView } from "../src/index.js";
import { installMock } from "../src/mock/index.js";
import { failure, until, type Api } from "./api.js";

let uninstall: (() => void) | undefined;

afterEach(() => {
  uninstall?.();
  uninstall = undefined;
  vi.unstubAllGlobals();
});

function install(options: Parameters<typeof installMock<Api>>[0]): NonNullable<
  ReturnType<typeof installMock<Api>>
> {
  const host = installMock<Api>(options);
  uninstall = () => host?.uninstall();
  return host!;
}

test("inside AuroraView it does nothing", () => {
  const real = {};
  vi.stubGlobal("auroraview", real);
  expect(installMock()).toBeUndefined();
  expect((globalThis as any).auroraview).toBe(real);
});

test("a hot reload replaces the handlers, and keeps bridge and listeners", async () => {
  const before = install({ calls: { "api.count": () => 1 } });
  const av = createAuroraView<Api>();
  const heard: unknown[] = [];
  av.on("progress", (detail) => heard.push(detail));
  const bridge = av.getRawBridge();
  expect(await av.call("api.count")).toBe(1);
  const after = install({ calls: { "api.count": () => 2 } });
  expect(after).toBe(before);
  expect(av.getRawBridge()).toBe(bridge);
  expect(await av.call("api.count")).toBe(2);
  after.emit("progress", { fraction: 1 });
  expect(heard).toEqual([{ fraction: 1 }]);
});

test("uninstalled, the page has no host", async () => {
  install({}).uninstall();
  expect("auroraview" in globalThis).toBe(false);
  expect("__AURORAVIEW_CONFIG__" in globalThis).toBe(false);
});

test("a page hears that it is there", async () => {
  const heard = new Promise<any>((done) =>
    addEventListener("auroraviewready", (event) => done((event as CustomEvent).detail), {
      once: true,
    }),
  );
  install({});
  expect(await heard).toBe((globalThis as any).auroraview);
});

test("values are what they would be in a real page", async () => {
  let got: unknown;
  install({
    calls: {
      "api.greet"(params) {
        got = params;
        return undefined as never;
      },
    },
  });
  const av = createAuroraView();
  const sent = { date: new Date(0), nan: NaN, f() {}, nested: [{ bytes: new Uint16Array([7]) }] };
  // No result is null, as None is; JSON has neither dates nor NaN nor functions.
  expect(await av.call("api.greet", sent)).toBeNull();
  expect(got).toEqual({
    date: "1970-01-01T00:00:00.000Z",
    nan: null,
    nested: [{ bytes: new Uint16Array([7]) }],
  });
  const circular: { self?: unknown } = {};
  circular.self = circular;
  expect(await failure(av.call("api.greet", circular))).toBeInstanceOf(TypeError);
  expect(await failure(av.call("api.greet", 5n))).toBeInstanceOf(TypeError);
});

test("a handler that throws no error still rejects", async () => {
  install({
    calls: {
      "api.count"() {
        throw "text";
      },
    },
  });
  expect(await failure(createAuroraView<Api>().call("api.count"))).toMatchObject({
    name: "Error",
    message: "text",
  });
});

test("a result that cannot be sent rejects", async () => {
  install({ calls: { "api.count": () => 5n as never } });
  expect(await failure(createAuroraView<Api>().call("api.count"))).toMatchObject({
    name: "TypeError",
  });
});

test("many calls at once keep their answers", async () => {
  install({ calls: { "api.later": async (params) => `${params?.ms}` } });
  const av = createAuroraView<Api>();
  const all = Array.from({ length: 500 }, (_, ms) => av.call("api.later", { ms }));
  expect(await Promise.all(all)).toEqual(Array.from({ length: 500 }, (_, ms) => `${ms}`));
});

test("an answer after an abort is nobody's", async () => {
  let answer: (value: string) => void = () => {};
  install({
    calls: {
      "api.later": () => new Promise<string>((done) => (answer = done)),
      "api.count": () => 1,
    },
  });
  const av = createAuroraView<Api>();
  const controller = new AbortController();
  const call = failure(av.call("api.later", { ms: 1 }, { signal: controller.signal }));
  const started = answer;
  await until(() => answer !== started);
  controller.abort();
  expect((await call).name).toBe("AbortError");
  answer("late");
  await av.call("api.count"); // whose answer comes behind that one
  expect(av.getRawBridge()?.stats()).toMatchObject({ pendingCalls: 0, lateReplies: 0 });
});

test("what the page emits never runs inside its own turn", async () => {
  const host = install({});
  const order: string[] = [];
  host.on("selected", () => order.push("host"));
  createAuroraView<Api>().emit("selected", { id: 1 });
  await Promise.resolve();
  order.push("page");
  await until(() => order.length === 2);
  expect(order).toEqual(["page", "host"]);
});
