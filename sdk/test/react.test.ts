import { act, createElement, StrictMode, type FunctionComponent } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { installMock, type MockHost } from "../src/mock/index.js";
import { createHooks } from "../src/react/index.js";
import { failure, until, type Api } from "./api.js";

(globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;
const {
  useAuroraCall,
  useAuroraEvent,
  useAuroraEvents,
  useAuroraInvoke,
  useAuroraState,
  useAuroraView,
} = createHooks<Api>();

let root: Root;
let host: MockHost<Api> | undefined;
/** Answers that "api.later" waits for, oldest first. */
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
      "api.later": (_, { signal }) => {
        signal.addEventListener("abort", () => aborted++);
        return new Promise<string>((done) => answers.push(done));
      },
    },
  })!;
  return host;
}

beforeEach(() => {
  root = createRoot(document.createElement("div"));
  answers = [];
  aborted = 0;
});

afterEach(() => {
  act(() => root.unmount());
  host?.uninstall();
  host = undefined;
});

/** Renders a component that calls `use`, in strict mode: every effect runs twice. */
function render<T>(use: () => T): { readonly now: T } {
  const result = {} as { now: T };
  const Probe: FunctionComponent = () => {
    result.now = use();
    return null;
  };
  act(() => root.render(createElement(StrictMode, null, createElement(Probe))));
  return result;
}

/** Waits as until() does; what changes meanwhile is rendered at the end of each turn. */
async function settled(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    expect(Date.now(), `not in time: ${condition}`).toBeLessThan(deadline);
    await act(() => new Promise<void>((done) => setTimeout(done, 1)));
  }
}

test("useAuroraCall: result, then the next one", async () => {
  install();
  const probe = render(() => useAuroraCall("api.greet"));
  expect(probe.now).toMatchObject({ data: undefined, error: undefined, loading: false });
  let promise!: Promise<string>;
  act(() => void (promise = probe.now.execute({ name: "Ada" })));
  expect(probe.now.loading).toBe(true);
  await settled(() => !probe.now.loading);
  expect(probe.now.data).toBe("Hello Ada");
  expect(await promise).toBe("Hello Ada");
});

test("useAuroraCall: an error is state, and the promise need not be caught", async () => {
  install();
  const probe = render(() => useAuroraCall("api.count"));
  let promise!: Promise<number>;
  act(() => void (promise = probe.now.execute()));
  await settled(() => !probe.now.loading);
  expect(probe.now.error).toMatchObject({ name: "RangeError", message: "too far" });
  expect((await failure(promise)).name).toBe("RangeError");
});

test("useAuroraCall: the latest call counts, the one before is aborted", async () => {
  install();
  const probe = render(() => useAuroraCall("api.later"));
  let first!: Promise<string>;
  act(() => void (first = probe.now.execute({ ms: 1 })));
  await settled(() => answers.length === 1);
  act(() => void probe.now.execute({ ms: 2 }));
  expect((await failure(first)).name).toBe("AbortError");
  await settled(() => answers.length === 2 && aborted === 1);
  expect(probe.now.loading).toBe(true);
  answers[1]!("second");
  await settled(() => !probe.now.loading);
  expect(probe.now).toMatchObject({ data: "second", error: undefined });
});

test("useAuroraCall: cancel, the caller's signal, and the end of the component", async () => {
  install();
  const probe = render(() => useAuroraCall("api.later"));
  act(() => void probe.now.execute());
  await settled(() => answers.length === 1);
  act(() => probe.now.cancel());
  expect(probe.now.loading).toBe(false);
  const controller = new AbortController();
  act(() => void probe.now.execute(undefined, { signal: controller.signal }));
  await settled(() => answers.length === 2);
  controller.abort();
  await settled(() => !probe.now.loading && aborted === 2);
  expect(probe.now.error?.name).toBe("AbortError");
  act(() => void probe.now.execute());
  await settled(() => answers.length === 3);
  act(() => root.render(null));
  await until(() => aborted === 3);
});

test("useAuroraCall: an aborted signal sends nothing", async () => {
  install();
  const probe = render(() => useAuroraCall("api.later"));
  let promise!: Promise<string>;
  act(() => void (promise = probe.now.execute(undefined, { signal: AbortSignal.abort() })));
  await settled(() => !probe.now.loading);
  expect((await failure(promise)).name).toBe("AbortError");
  expect(answers).toHaveLength(0);
});

test("useAuroraEvent hears with the latest function, until the component goes", async () => {
  const mock = install();
  const heard: string[] = [];
  let label = "first";
  const Probe: FunctionComponent = () => {
    const mine = label;
    useAuroraEvent("progress", ({ fraction }) => heard.push(`${mine} ${fraction}`));
    return null;
  };
  const render = (): void =>
    act(() => root.render(createElement(StrictMode, null, createElement(Probe))));
  render();
  mock.emit("progress", { fraction: 1 });
  label = "second";
  render();
  mock.emit("progress", { fraction: 2 });
  act(() => root.render(null));
  mock.emit("progress", { fraction: 3 });
  expect(heard).toEqual(["first 1", "second 2"]);
});

test("useAuroraEvents hears several", () => {
  const mock = install();
  const heard: unknown[] = [];
  render(() =>
    useAuroraEvents({
      progress: ({ fraction }) => heard.push(fraction),
      done: () => heard.push("done"),
    }),
  );
  mock.emit("progress", { fraction: 1 });
  mock.emit("done");
  expect(heard).toEqual([1, "done"]);
});

test("useAuroraView tells when a host comes", async () => {
  const probe = render(() => useAuroraView());
  expect(probe.now.isReady).toBe(false);
  install();
  await settled(() => probe.now.isReady);
  expect(await probe.now.client.call("api.greet", { name: "Ada" })).toBe("Hello Ada");
});

test("useAuroraState shows what either side sets, inside the value too", async () => {
  const mock = install();
  const probe = render(() => {
    const [camera, setCamera] = useAuroraState("camera");
    const [count, setCount] = useAuroraState("count", 7);
    return { camera, text: JSON.stringify([camera?.lens.mm ?? null, count]), setCamera, setCount };
  });
  expect(probe.now.text).toBe("[null,7]");
  mock.state.set("camera", { at: [0], lens: { mm: 35 } });
  await settled(() => probe.now.text === "[35,7]");
  act(() => probe.now.setCount(8));
  await settled(() => probe.now.text === "[35,8]" && mock.state.get("count") === 8);
  probe.now.camera!.lens.mm = 50;
  await settled(() => probe.now.text === "[50,8]");
  await until(() => mock.state.get("camera")?.lens.mm === 50);
  act(() => probe.now.setCount(undefined));
  await settled(() => probe.now.text === "[50,7]");
});

test("useAuroraState waits for a host that comes later", async () => {
  const probe = render(() => useAuroraState("count", 7)[0]);
  expect(probe.now).toBe(7);
  install().state.set("count", 8);
  await settled(() => probe.now === 8);
});

test("useAuroraInvoke runs a command", async () => {
  install();
  const probe = render(() => useAuroraInvoke("rename"));
  act(() => void probe.now.execute({ from: "a", to: "b" }));
  await settled(() => probe.now.data === true);
});
