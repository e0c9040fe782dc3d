// Checked by the compiler (npm run check): each @ts-expect-error must be an error.
import { expect, expectTypeOf, test } from "vitest";
import { createAuroraView, type AuroraViewClient } from "../src/index.js";
import { installMock, type MockOptions } from "../src/mock/index.js";
import { createHooks as reactHooks } from "../src/react/index.js";
import { createHooks as vueHooks } from "../src/vue/index.js";
import type { Api, Mesh } from "./api.js";

// Never run: it only has to compile.
function calls(av: AuroraViewClient<Api>): void {
  expectTypeOf(av.call("api.greet", { name: "a" })).toEqualTypeOf<Promise<string>>();
  expectTypeOf(av.call("api.greet", { name: "a", loud: true }, { timeout: 5 })).toEqualTypeOf<
    Promise<string>
  >();
  expectTypeOf(av.call("api.count")).toEqualTypeOf<Promise<number>>();
  expectTypeOf(
    av.call("api.count", undefined, { signal: new AbortController().signal }),
  ).toEqualTypeOf<Promise<number>>();
  expectTypeOf(av.call("api.later")).toEqualTypeOf<Promise<string>>();
  expectTypeOf(av.call("api.later", { ms: 1 })).toEqualTypeOf<Promise<string>>();
  expectTypeOf(av.call("mesh.load", { path: "" })).toEqualTypeOf<Promise<Mesh>>();
  expectTypeOf(av.call("api.find", { id: 1 })).toEqualTypeOf<Promise<Mesh>>();
  expectTypeOf(av.call("api.find", { name: "a" })).toEqualTypeOf<Promise<Mesh[]>>();
  // @ts-expect-error no such method
  av.call("api.gret", { name: "a" });
  // @ts-expect-error the argument is missing
  av.call("api.greet");
  // @ts-expect-error of another type
  av.call("api.greet", { name: 1 });
  // @ts-expect-error a key too many
  av.call("api.greet", { name: "a", laud: true });
  // @ts-expect-error it takes none
  av.call("api.count", { name: "a" });
  // @ts-expect-error no overload takes it
  av.call("api.find", { path: "a" });
  // @ts-expect-error no such option
  av.call("api.count", undefined, { timeOut: 5 });

  expectTypeOf(av.api.greet({ name: "a" })).toEqualTypeOf<Promise<string>>();
  expectTypeOf(av.api.find({ name: "a" })).toEqualTypeOf<Promise<Mesh[]>>();
  expectTypeOf(av.api.find({ id: 1 })).toEqualTypeOf<Promise<Mesh>>();
  expectTypeOf(av.namespace("mesh").load({ path: "a" })).toEqualTypeOf<Promise<Mesh>>();
  expectTypeOf(av.namespace("mesh").save({ points: new Float32Array(), name: "" })).toEqualTypeOf<
    Promise<null>
  >();
  // @ts-expect-error of the other namespace
  av.namespace("mesh").greet({ name: "a" });
  // @ts-expect-error of another type
  av.api.greet({ name: 1 });
}

function events(av: AuroraViewClient<Api>): void {
  av.on("progress", (detail) => expectTypeOf(detail).toEqualTypeOf<{ fraction: number }>());
  av.once("done", (detail) => expectTypeOf(detail).toEqualTypeOf<undefined>());
  av.off("progress");
  av.emit("selected", { id: 1 });
  av.emit("closed");
  // @ts-expect-error an event of the page, not of the host
  av.on("selected", () => {});
  // @ts-expect-error an event of the host, not of the page
  av.emit("progress", { fraction: 1 });
  // @ts-expect-error the detail is missing
  av.emit("selected");
  // @ts-expect-error of another type
  av.emit("selected", { id: "1" });
}

function hooks(): void {
  for (const { useAuroraCall, useAuroraEvent, useAuroraEvents, useAuroraView } of [
    reactHooks<Api>(),
  ]) {
    const { execute, data } = useAuroraCall("mesh.load");
    expectTypeOf(data).toEqualTypeOf<Mesh | undefined>();
    expectTypeOf(execute({ path: "" })).toEqualTypeOf<Promise<Mesh>>();
    // @ts-expect-error of another type
    execute({ path: 1 });
    // @ts-expect-error no such method
    useAuroraCall("mesh.lode");
    useAuroraEvent("progress", ({ fraction }) => expectTypeOf(fraction).toEqualTypeOf<number>());
    useAuroraEvents({ progress: ({ fraction }) => void fraction, done() {} });
    // @ts-expect-error no such event
    useAuroraEvents({ progres() {} });
    expectTypeOf(useAuroraView().client).toEqualTypeOf<AuroraViewClient<Api>>();
  }
  const { useAuroraCall, useAuroraEvent } = vueHooks<Api>();
  const { execute, data } = useAuroraCall("mesh.load");
  expectTypeOf(data.value).toEqualTypeOf<Mesh | undefined>();
  expectTypeOf(execute({ path: "" })).toEqualTypeOf<Promise<Mesh>>();
  // @ts-expect-error of another type
  useAuroraEvent("progress", ({ fractions }) => void fractions);
}

function mocks(): void {
  const options: MockOptions<Api> = {
    calls: {
      "api.greet": ({ name }) => `Hello ${name}`,
      "api.count": async (_, { signal }) => (signal.aborted ? 0 : 1),
      "mesh.load": (params) => ({ points: new Float32Array(3), name: params.path }),
      // @ts-expect-error the result is of another type
      "api.later": () => 5,
    },
  };
  const host = installMock<Api>(options);
  host?.emit("progress", { fraction: 1 });
  host?.on("selected", ({ id }) => expectTypeOf(id).toEqualTypeOf<number>());
  // @ts-expect-error an event of the page
  host?.emit("selected", { id: 1 });
  // @ts-expect-error no such method
  installMock<Api>({ calls: { nobody: () => 1 } });
}

function without(): void {
  const av = createAuroraView();
  expectTypeOf(av.call("any.name", [1, 2])).toEqualTypeOf<Promise<any>>();
  expectTypeOf(av.call<string>("any.name")).toEqualTypeOf<Promise<string>>();
  expectTypeOf(av.api.anything!({ a: 1 })).toEqualTypeOf<Promise<any>>();
  av.on("any event", (detail) => void detail.anything);
  av.emit("any event", 5);
  av.emit("any event");
}

test("the compiler checked the contracts", () => {
  expect([calls, events, hooks, mocks, without]).toHaveLength(5);
});
