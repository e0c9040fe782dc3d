// State, channels and commands: the page's real scripts, the mock behind them.
import { afterEach, expect, expectTypeOf, test } from "vitest";
import { createAuroraView, type AuroraViewClient, type Channel } from "../src/index.js";
import { installMock, type MockHost, type MockOptions } from "../src/mock/index.js";
import { failure, until, type Api } from "./api.js";

let host: MockHost<Api> | undefined;

function install(options: MockOptions<Api>): [MockHost<Api>, AuroraViewClient<Api>] {
  host = installMock<Api>(options)!;
  return [host, createAuroraView<Api>()];
}

afterEach(() => {
  host?.uninstall();
  host = undefined;
});

const camera = (): Api["state"]["camera"] => ({ at: [1, 2], lens: { mm: 35 } });

test("state: what the host has is there when the page is ready", async () => {
  const [, av] = install({ state: { camera: camera() } });
  await av.whenReady();
  expect(av.state.toJSON()).toEqual({ camera: camera() });
  expect(av.state.keys()).toEqual(["camera"]);
  expectTypeOf(av.state.camera).toEqualTypeOf<Api["state"]["camera"] | undefined>();
});

test("state: changes go both ways, those inside a value too", async () => {
  const [mock, av] = install({ state: { camera: camera(), count: 1 } });
  await av.whenReady();
  const atHost: unknown[] = [];
  const atPage: unknown[] = [];
  mock.state.onChange((key, value, source) => atHost.push([key, value, source]));
  const remove = av.state.onChange((key, value, source) => atPage.push([key, value, source]));
  av.state.camera!.lens.mm = 50;
  await until(() => atHost.length === 1);
  expect(atHost[0]).toEqual(["camera", { at: [1, 2], lens: { mm: 50 } }, "javascript"]);
  expect(mock.state.get("camera")).toEqual({ at: [1, 2], lens: { mm: 50 } });
  mock.state.set("count", 2);
  await until(() => atPage.length === 2);
  expect(atPage[1]).toEqual(["count", 2, "python"]);
  delete av.state.count;
  await until(() => atHost.length === 3);
  expect(mock.state.keys()).toEqual(["camera"]);
  expect(mock.state.delete("camera")).toBe(true);
  expect(mock.state.delete("camera")).toBe(false);
  await until(() => av.state.camera === undefined);
  remove();
  av.state.count = 5;
  await until(() => mock.state.get("count") === 5);
  expect(atPage).toHaveLength(4);
});

test("state: of two writes that meet, both sides end with the same", async () => {
  const [mock, av] = install({ state: { count: 0 } });
  await av.whenReady();
  av.state.count = 1;
  mock.state.set("count", 2);
  av.state.count = 3;
  const done = new Promise<void>((end) => av.once("done", () => end()));
  await until(() => mock.state.get("count") === 3);
  mock.emit("done");
  await done;
  expect(av.state.count).toBe(mock.state.get("count"));
});

test("state: a hot reload keeps what is there", async () => {
  const [mock, av] = install({ state: { count: 1 } });
  await av.whenReady();
  mock.state.set("count", 2);
  install({ state: { count: 1, camera: camera() } });
  expect(mock.state.get("count")).toBe(2);
  expect(mock.state.get("camera")).toEqual(camera());
});

test("channel: a fast host waits for its page, and nothing is lost", async () => {
  let sent = 0;
  const [, av] = install({
    calls: { "api.count": () => 1 },
    channels: {
      async frames(channel) {
        for (let n = 0; n < 40; n++) {
          await channel.send({ n, data: new Uint8Array(100_000).fill(n) });
          sent++;
        }
        channel.close();
      },
    },
  });
  const channel = av.channel("frames");
  expectTypeOf(channel).toEqualTypeOf<
    Channel<{ n: number; data: Uint8Array }, "next" | "stop">
  >();
  // The window of one MiB is full, and stays so.
  await until(() => sent === 10);
  await av.call("api.count"); // a whole turn of both sides
  expect(sent).toBe(10);
  const got: number[] = [];
  for await (const { n, data } of channel) {
    expect(data[99_999]).toBe(n);
    got.push(n);
  }
  expect(got).toEqual(Array.from({ length: 40 }, (_, n) => n));
  expect([channel.isClosed, channel.error]).toEqual([true, null]);
});

test("channel: a fast page waits for its host, and nothing is lost", async () => {
  let sum = 0;
  let ended = false;
  const [, av] = install({
    channels: {
      async upload(channel) {
        for await (const part of channel) sum += part.length;
        ended = true;
      },
    },
  });
  const channel = av.channel("upload");
  for (let n = 0; n < 40; n++) await channel.send(new Uint8Array(100_000));
  channel.close();
  await until(() => ended);
  expect(sum).toBe(4_000_000);
});

test("channel: a listener's promise holds the next message back", async () => {
  const order: string[] = [];
  const [, av] = install({
    channels: {
      frames(channel) {
        channel.onMessage(async (message) => {
          order.push(`begin ${message}`);
          await new Promise((done) => setTimeout(done, 1));
          order.push(`end ${message}`);
        });
      },
    },
  });
  const channel = av.channel("frames");
  await channel.send("next");
  await channel.send("stop");
  await until(() => order.length === 4);
  expect(order).toEqual(["begin next", "end next", "begin stop", "end stop"]);
});

test("channel: a reason is the other side's error", async () => {
  const ends: unknown[] = [];
  const [, av] = install({
    channels: {
      frames(channel) {
        channel.onClose(({ by, error }) => ends.push(["host", by, error?.message]));
        channel.close(new RangeError("too far"));
      },
      upload(channel) {
        channel.onClose(({ by, error }) => ends.push(["upload", by, error?.name]));
      },
    },
  });
  const frames = av.channel("frames");
  frames.onClose(({ by, error }) => ends.push(["page", by, error?.name, error?.message]));
  await until(() => ends.length === 2);
  expect(ends).toContainEqual(["page", "host", "RangeError", "too far"]);
  expect(ends).toContainEqual(["host", "host", undefined]);
  expect(await failure(frames.send("next"))).toMatchObject({ name: "RangeError" });
  av.channel("upload").close(new TypeError("no more"));
  await until(() => ends.length === 3);
  expect(ends[2]).toEqual(["upload", "page", "TypeError"]);
});

test("channel: a message over the window, and one after the end", async () => {
  const errors: string[] = [];
  const [, av] = install({
    channels: {
      async frames(channel) {
        const large = channel.send({ n: 0, data: new Uint8Array(2 << 20) });
        errors.push((await failure(large)).name);
        channel.close();
        errors.push((await failure(channel.send({ n: 0, data: new Uint8Array(1) }))).name);
      },
    },
  });
  av.channel("frames");
  await until(() => errors.length === 2);
  expect(errors).toEqual(["TooLarge", "Closed"]);
});

test("commands are methods of their own kind", async () => {
  const [, av] = install({
    commands: { rename: ({ from, to }) => from !== to, quit: () => null },
  });
  expect(await av.invoke("rename", { from: "a", to: "b" })).toBe(true);
  expect(await av.invoke("quit")).toBeNull();
});

// Never run: it only has to compile.
function check(av: AuroraViewClient<Api>): void {
  expectTypeOf(av.invoke("rename", { from: "", to: "" })).toEqualTypeOf<Promise<boolean>>();
  // @ts-expect-error no such command
  av.invoke("remane", { from: "", to: "" });
  // @ts-expect-error an argument is missing
  av.invoke("rename", { from: "" });
  // @ts-expect-error no such key
  av.state.kamera;
  // @ts-expect-error of another type
  av.state.count = "1";
  // @ts-expect-error no such channel
  av.channel("frame");
  // @ts-expect-error of another type
  void av.channel("frames").send("back");
}

test("without a host the state is told to be missing", () => {
  expect(check).toBeTypeOf("function");
  expect(() => createAuroraView<Api>().state).toThrow(/no host/);
  expect(() => createAuroraView<Api>().channel("frames")).toThrow(/no host/);
});
