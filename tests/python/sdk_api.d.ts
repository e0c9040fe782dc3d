// Made by `auroraview types` from sdk_api:Api; do not edit.

/** What the asset browser's panel can ask for. */
export interface Api {
  calls: {
    "api.add": (params: [first: number, ...others: number[]]) => number;
    "api.bytes": (params: { length: number }) => Uint8Array;
    "api.count": () => number;
    "api.fail": (params: { kind: Kind }) => null;
    /**
     * The assets that match.
     *
     * Slow on network folders; *\/ is no end of a comment.
     */
    "api.find": (params: { filter: Filter; limit?: number }) => Asset[];
    /** The mesh of an asset. */
    "api.mesh": (params: { id: AssetId; lod?: 0 | 1 | 2 }) => Mesh;
    /** A future that nobody completes. */
    "api.never": () => null;
    "api.pick": ((params: { id: AssetId }) => Asset) | ((params: { ids: AssetId[] }) => Asset[]);
    /** Changes options. */
    "api.set": (params?: { [key: string]: string | null }) => null;
    "api.size": (params: [data: Uint8Array, ...more: Uint8Array[]]) => number;
    "ping": () => number;
  };
  commands: {
    /** Gives an asset another name. */
    "rename": (params: { old: string; new?: string }) => boolean;
  };
  events: {
    "scan.progress": Progress;
    "count": { value: number };
    "done": {};
  };
  emits: {
    "selected": AssetId[];
    "dismissed": null | undefined;
  };
  state: {
    "camera": Camera;
    "count": number;
  };
  channels: {
    "frames": { receive: Frame; send: number };
    "upload": { receive: never; send: Uint8Array };
  };
}

/** What an asset is. */
export type Kind = "image" | "mesh";

/** One file of the library. */
export interface Asset {
  id: AssetId;
  kind: Kind;
  tags: string[];
  parent?: Asset;
}

export interface Filter {
  text?: string;
  kinds?: Kind[];
}

export interface Mesh {
  points: Float32Array;
  indices: Uint32Array | null;
  corners: [Point, Point];
  side: Side;
  extra: { [key: string]: number | string[] | null };
}

export type AssetId = number;

export interface Progress {
  fraction: number;
}

export interface Camera {
  at: number[];
  lens: { [key: string]: number };
}

export interface Frame {
  n: number;
  data: Uint8Array;
}

export type Point = [x: number, y: number];

export type Side = 1 | 2;
