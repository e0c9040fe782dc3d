import { createApp, defineComponent, effectScope, h, type App } from "vue";
import { afterEach, beforeEach, expect, test } from "vitest";
import { installMock, type MockHost } from "../src/mock/index.js";
import { createHooks } from "../src/vue/index.js";
import { failure, until, type Api } from "./api.js";

const {
  useAuroraCall,
  useAuroraEvent,
  useAuroraEvents,
  useAuroraInvoke,
  useAuroraState,
  useAuroraView,
} = createHooks<Api>();

let app: App | undefined;
let host: MockHost<Api> | undefined;
let answers: ((text: string) => void)[];
let aborted: number;

function install(): MockHost<Api> {
  host = installMock<Api>({
    commands: { rename: ({ from, to }) => from !== to },
    calls: {
      "api.greet": ({ name }) => `Hello ${name}`,
      "api.count"() {
        throw new RangeError("too far");
      },
      "mesh.load": ({ path }) => ({ name: path, points: new Float32Array([1, 2]) }),
      "api.later": (_, { signal }) => {
        signal.addEventListener("abort", () => aborted++);
        return new Promise<string>((done) => answers.push(done));
      },
    },
  })!;
  return host;
}

beforeEach(() => {
  answers = [];
  aborted = 0;
});

afterEach(() => {
  app?.unmount();
  app = undefined;
  host?.uninstall();
  host = undefined;
});

/** Mounts a component that calls `use` in its setup, and shows what `text` gives. */
function mount<T>(use: () => T, text: (value: T) => unknown = () => ""): [T, HTMLElement] {
  let result!: T;
  const element = document.createElement("div");
  app = createApp(
    defineComponent(() => {
      result = use();
      return () => h("p", String(text(result)));
    }),
  );
  app.mount(element);
  return [result, element];
}

test("useAuroraCall: what it gives is shown", async () => {
  install();
  const [call, element] = mount(
    () => useAuroraCall("api.greet"),
    ({ data, loading }) => `${data.value} ${loading.value}`,
  );
  const promise = call.execute({ name: "Ada" });
  await until(() => element.textContent === "undefined true");
  await until(() => element.textContent === "Hello Ada false");
  expect(await promise).toBe("Hello Ada");
});

test("useAuroraCall: typed arrays stay typed arrays", async () => {
  install();
  const [call] = mount(() => useAuroraCall("mesh.load"));
  await call.execute({ path: "a" });
  expect(call.data.value?.points).toEqual(new Float32Array([1, 2]));
});

test("useAuroraCall: an error is state, and the promise need not be caught", async () => {
  install();
  const [call] = mount(() => useAuroraCall("api.count"));
  const promise = call.execute();
  await until(() => call.error.value !== undefined);
  expect(call.error.value).toMatchObject({ name: "RangeError", message: "too far" });
  expect(call.loading.value).toBe(false);
  expect((await failure(promise)).name).toBe("RangeError");
});

test("useAuroraCall: the latest call counts; one is aborted with its component", async () => {
  install();
  const [call] = mount(() => useAuroraCall("api.later"));
  const first = call.execute({ ms: 1 });
  await until(() => answers.length === 1);
  void call.execute({ ms: 2 });
  expect((await failure(first)).name).toBe("AbortError");
  await until(() => answers.length === 2);
  answers[1]!("second");
  await until(() => call.data.value === "second");
  expect(call.error.value).toBeUndefined();
  void call.execute({ ms: 3 });
  await until(() => answers.length === 3);
  app!.unmount();
  app = undefined;
  await until(() => aborted === 2);
});

test("useAuroraEvent and useAuroraEvents hear until the component goes", () => {
  const mock = install();
  const heard: unknown[] = [];
  mount(() => {
    useAuroraEvent("progress", ({ fraction }) => heard.push(fraction));
    useAuroraEvents({
      progress: ({ fraction }) => heard.push(-fraction),
      done: () => heard.push("done"),
    });
  });
  mock.emit("progress", { fraction: 1 });
  mock.emit("done");
  app!.unmount();
  app = undefined;
  mock.emit("progress", { fraction: 2 });
  expect(heard).toEqual([1, -1, "done"]);
});

test("an effect scope does as well as a component", () => {
  const mock = install();
  const heard: number[] = [];
  const scope = effectScope();
  scope.run(() => useAuroraEvent("progress", ({ fraction }) => heard.push(fraction)));
  mock.emit("progress", { fraction: 1 });
  scope.stop();
  mock.emit("progress", { fraction: 2 });
  expect(heard).toEqual([1]);
});

test("useAuroraView tells when a host comes", async () => {
  const [{ client, isReady }] = mount(() => useAuroraView());
  expect(isReady.value).toBe(false);
  install();
  await until(() => isReady.value);
  expect(await client.call("api.greet", { name: "Ada" })).toBe("Hello Ada");
});

test("useAuroraState shows what either side sets, inside the value too", async () => {
  const mock = install();
  const [[camera, count], element] = mount(
    () => [useAuroraState("camera"), useAuroraState("count", 7)] as const,
    ([camera, count]) => JSON.stringify([camera.value?.lens.mm ?? null, count.value]),
  );
  expect(element.textContent).toBe("[null,7]");
  mock.state.set("camera", { at: [0], lens: { mm: 35 } });
  await until(() => element.textContent === "[35,7]");
  count.value = 8;
  await until(() => element.textContent === "[35,8]" && mock.state.get("count") === 8);
  camera.value!.lens.mm = 50;
  await until(() => element.textContent === "[50,8]");
  await until(() => mock.state.get("camera")?.lens.mm === 50);
  count.value = undefined;
  await until(() => element.textContent === "[50,7]");
});

test("useAuroraState waits for a host that comes later", async () => {
  const [count] = mount(() => useAuroraState("count", 7));
  expect(count.value).toBe(7);
  install().state.set("count", 8);
  await until(() => count.value === 8);
});

test("useAuroraInvoke runs a command", async () => {
  install();
  const [{ execute }] = mount(() => useAuroraInvoke("rename"));
  expect(await execute({ from: "a", to: "b" })).toBe(true);
});
