// Made by `auroraview types` from gallery.asset_browser.service:AssetService.ping; do not edit.

export interface Host {
  calls: {
    /**
     * This thread's clock in milliseconds.
     *
     * The page's own clock is rounded to a millisecond. The difference of two answers to calls
     * made one after the other is one whole round trip, measured here without rounding.
     */
    "ping": () => number;
    "browser.rescan": () => null;
    "browser.cancel": () => boolean;
    "browser.thumbnail": (params: { id: number; side: number }) => Thumbnail;
    "browser.mesh": (params: { id: number }) => MeshData;
    /** Blocks this thread, as a careless tool or a long simulation step does. */
    "browser.freeze": (params: { seconds: number }) => number;
  };
  events: {
    "scan": Begin | Batch;
    "selection": Selection;
  };
  emits: {
    "selection": Selection;
    "query": Query;
  };
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

export interface Begin {
  roots: string[];
}

export interface Batch {
  folders: FolderColumns;
  assets: AssetColumns;
  progress: Progress;
}

export interface Selection {
  asset: number | null;
  folder: number | null;
}

/** What the panel shows of the catalogue. */
export interface Query {
  text: string;
  kind: string;
  sort: string;
}

export interface FolderColumns {
  id: Uint32Array;
  parent: Int32Array;
  name: string[];
}

export interface AssetColumns {
  id: Uint32Array;
  folder: Uint32Array;
  kind: Uint8Array;
  size: Float64Array;
  mtime: Float64Array;
  name: string[];
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
