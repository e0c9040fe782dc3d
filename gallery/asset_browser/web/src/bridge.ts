// The host's side of the panel. Its types are made of the host's own: see tools/contract.

import { createAuroraView } from "@auroraview/sdk";
import type { Batch, Host, Query, Selection } from "./host.js";

export type { HostError } from "@auroraview/sdk";
export type { Batch, Begin, MeshData, Progress, Query, Selection, Thumbnail } from "./host.js";
export type Columns = Pick<Batch, "folders" | "assets">;

export const IMAGE = 0;
export const MESH = 1;

/** State and channels of the bridge. A page that is loaded again finds the state as it was. */
interface Shared {
  channel(id: "scan"): AsyncIterable<Host["events"]["scan"]>;
  readonly state: { selection?: Selection; query?: Query } & {
    onChange(handler: (key: string, value: unknown, source: "python" | "javascript") => void): () => void;
  };
}

const view = createAuroraView<Host>();
const browser = view.namespace("browser");
const shared = (): Shared => (window as unknown as { auroraview: Shared }).auroraview;

export const host = {
  ready: () => view.whenReady(),
  ping: () => view.call("ping"),
  rescan: () => browser.rescan(),
  cancel: () => browser.cancel(),
  thumbnail: (id: number, side: number) => browser.thumbnail({ id, side }),
  mesh: (id: number) => browser.mesh({ id }, { timeout: 120_000 }),
  freeze: (seconds: number) => browser.freeze({ seconds }, { timeout: (seconds + 30) * 1000 }),
  /** What the scan finds, from its begin on; read as fast as it is drawn. */
  scan: () => shared().channel("scan"),
  selection: (): Selection => shared().state.selection ?? { asset: null, folder: null },
  select: (selection: Partial<Selection>): void => {
    shared().state.selection = { asset: null, folder: null, ...selection };
  },
  onSelect: (handler: (selection: Selection) => void): void => {
    shared().state.onChange((key, value, source) => {
      if (key === "selection" && source === "python") handler(value as Selection);
    });
  },
  remembered: (): Query | undefined => shared().state.query,
  remember: (query: Query): void => {
    shared().state.query = query;
  },
};
