// The host's side of the panel, typed. `window.auroraview` is there before any script of the page.

export const IMAGE = 0;
export const MESH = 1;

export interface AuroraView {
  call<T>(method: string, params?: unknown, options?: { timeout?: number }): Promise<T>;
  on(event: string, handler: (detail: never) => void): () => void;
  send_event(event: string, detail?: unknown): void;
  whenReady(): Promise<AuroraView>;
}

export interface HostError extends Error {
  code?: string | number;
  data?: unknown;
}

export interface Columns {
  folders: { id: Uint32Array; parent: Int32Array; name: string[] };
  assets: {
    id: Uint32Array;
    folder: Uint32Array;
    kind: Uint8Array;
    size: Float64Array;
    mtime: Float64Array;
    name: string[];
  };
}

export interface Progress {
  fraction: number;
  files: number;
  folders: number;
  assets: number;
  unreadable: number;
  seconds: number;
  current: string;
  done: boolean;
  cancelled: boolean;
}

export interface Batch extends Columns {
  generation: number;
  sequence: number;
  progress: Progress;
}

export interface Selection {
  asset: number | null;
  folder: number | null;
}

export interface Snapshot extends Batch {
  roots: string[];
  selection: Selection;
}

export interface Thumbnail {
  width: number;
  height: number;
  sourceWidth: number;
  sourceHeight: number;
  rgba: Uint8Array;
}

export interface MeshData {
  format: string;
  points: boolean;
  positions: Float32Array;
  normals: Float32Array | null;
  colors: Uint8Array | null;
  indices: Uint32Array | null;
  lower: [number, number, number];
  upper: [number, number, number];
  vertices: number;
  triangles: number;
  warnings: string[];
  seconds: number;
}

declare global {
  interface Window {
    auroraview: AuroraView;
  }
}

export const host = {
  ready: (): Promise<unknown> => window.auroraview.whenReady(),
  ping: (): Promise<number> => window.auroraview.call("ping"),
  hello: (): Promise<Snapshot> => window.auroraview.call("browser.hello"),
  rescan: (): Promise<void> => window.auroraview.call("browser.rescan"),
  cancel: (): Promise<boolean> => window.auroraview.call("browser.cancel"),
  thumbnail: (id: number, side: number): Promise<Thumbnail> =>
    window.auroraview.call("browser.thumbnail", { id, side }),
  mesh: (id: number): Promise<MeshData> =>
    window.auroraview.call("browser.mesh", { id }, { timeout: 120_000 }),
  freeze: (seconds: number): Promise<number> =>
    window.auroraview.call("browser.freeze", { seconds }, { timeout: (seconds + 30) * 1000 }),
  select: (selection: Partial<Selection>): void =>
    window.auroraview.send_event("select", selection),
  on: <T>(event: string, handler: (detail: T) => void): (() => void) =>
    window.auroraview.on(event, handler as (detail: never) => void),
};
