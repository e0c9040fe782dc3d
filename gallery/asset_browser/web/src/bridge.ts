// The host's side of the panel. Its types are made of the host's own: see tools/contract.

import { createAuroraView } from "@auroraview/sdk";
import type { Host, Selected, Snapshot } from "./host.js";

export type { HostError } from "@auroraview/sdk";
export type { Batch, MeshData, Progress, Selection, Snapshot, Thumbnail } from "./host.js";
export type Columns = Pick<Snapshot, "folders" | "assets">;

export const IMAGE = 0;
export const MESH = 1;

const view = createAuroraView<Host>();
const browser = view.namespace("browser");

export const host = {
  ready: () => view.whenReady(),
  ping: () => view.call("ping"),
  hello: () => browser.hello(),
  rescan: () => browser.rescan(),
  cancel: () => browser.cancel(),
  thumbnail: (id: number, side: number) => browser.thumbnail({ id, side }),
  mesh: (id: number) => browser.mesh({ id }, { timeout: 120_000 }),
  freeze: (seconds: number) => browser.freeze({ seconds }, { timeout: (seconds + 30) * 1000 }),
  select: (selection: Selected) => view.emit("select", selection),
  on: view.on.bind(view) as typeof view.on,
};
