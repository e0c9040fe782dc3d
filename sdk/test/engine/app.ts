// A page of the engine's own test (tests/python/test_sdk.py): the package as a front end uses it,
// bundled from dist/, under the contract that `auroraview types` made of the host's API.
import {
  createAuroraView,
  getAvailableFeatures,
  getEnvironment,
  hasFeatures,
  isAuroraView,
  isHostError,
} from "@auroraview/sdk";
import { installMock } from "@auroraview/sdk/mock";
import { createHooks as reactHooks } from "@auroraview/sdk/react";
import { createHooks as vueHooks } from "@auroraview/sdk/vue";
import { createElement, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { createApp, defineComponent, h } from "vue";
import type { Api } from "../../../tests/python/sdk_api.js";

const av = createAuroraView<Api>();
const mock = installMock<Api>();

const react = reactHooks<Api>();
function ReactAsset() {
  const { execute, data, error } = react.useAuroraCall("api.pick");
  const failing = react.useAuroraCall("api.fail");
  useEffect(() => void execute({ id: 5 }), [execute]);
  useEffect(() => void failing.execute({ kind: "mesh" }), [failing.execute]);
  react.useAuroraEvent("count", ({ value }) => void execute({ id: value }));
  const [count] = react.useAuroraState("count", -1);
  return createElement(
    "p",
    { id: "react" },
    JSON.stringify([data, error, failing.error?.name, count]),
  );
}

const vue = vueHooks<Api>();
const VueAsset = defineComponent(() => {
  const { execute, data } = vue.useAuroraCall("api.pick");
  void execute({ ids: [7, 8] });
  vue.useAuroraEvent("count", ({ value }) => void execute({ ids: [value] }));
  const camera = vue.useAuroraState("camera");
  return () => h("p", { id: "vue" }, JSON.stringify([data.value, camera.value?.lens.mm]));
});

createRoot(document.getElementById("react-root")!).render(createElement(ReactAsset));
createApp(VueAsset).mount("#vue-root");

/** What the test asks for; each must end as its name says. */
const probes = {
  async environment() {
    return [getEnvironment(), isAuroraView(), mock === undefined, hasFeatures("call", "emit"),
      getAvailableFeatures().includes("call"), av.isReady(), (await av.whenReady()) === av];
  },
  async calls() {
    return [
      await av.call("ping"),
      await av.call("api.count"),
      await av.call("api.add", [1, 2, 3.5]),
      await av.api.find({ filter: { text: "x" }, limit: 1 }),
      await av.namespace("api").set({ color: "red" }),
    ];
  },
  async binary() {
    const mesh = await av.call("api.mesh", { id: 3, lod: 2 });
    const bytes = await av.call("api.bytes", { length: 200_000 });
    return [
      mesh.points instanceof Float32Array && [...mesh.points],
      mesh.indices instanceof Uint32Array && [...mesh.indices],
      mesh.corners,
      mesh.side,
      mesh.extra,
      bytes instanceof Uint8Array && bytes.length,
      await av.call("api.size", [bytes, new Uint8Array(5)]),
    ];
  },
  async errors() {
    const caught: unknown[] = [];
    for (const promise of [
      av.call("api.fail", { kind: "mesh" }),
      av.call("api.never", undefined, { timeout: 50 }),
      av.call("api.never", undefined, { signal: AbortSignal.abort() }),
    ]) {
      await promise.catch((error: unknown) => {
        caught.push(isHostError(error) && [error.name, error.message, error.code ?? null]);
      });
    }
    return caught;
  },
  async events() {
    const heard: unknown[] = [];
    av.on("scan.progress", ({ fraction }) => heard.push(fraction));
    const done = new Promise<void>((end) => av.once("done", () => end()));
    av.emit("selected", [1, 2]);
    av.emit("dismissed");
    await done;
    return heard;
  },
  async state() {
    await av.whenReady();
    const before = JSON.stringify(av.state);
    av.state.count = 2;
    av.state.camera!.lens.mm = 50;
    return [JSON.parse(before), av.state.count];
  },
  async channels() {
    const got: [number, number | undefined][] = [];
    const frames = av.channel("frames");
    for await (const { n, data } of frames) {
      got.push([n, data[99_999]]);
      if (n % 10 === 0) await frames.send(n);
    }
    const upload = av.channel("upload");
    for (let n = 0; n < 40; n++) await upload.send(new Uint8Array(100_000));
    upload.close();
    return [got.length, got[39], frames.isClosed, frames.error];
  },
};
export type Probes = typeof probes;
(globalThis as any).probe = (name: keyof Probes) => probes[name]();
(globalThis as any).textOf = (id: string) => document.getElementById(id)?.textContent ?? null;
