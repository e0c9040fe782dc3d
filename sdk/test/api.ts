// The contract that the tests use.
export interface Mesh {
  points: Float32Array;
  name: string;
}

export interface Api {
  calls: {
    "api.greet": (params: { name: string; loud?: boolean }) => string;
    "api.count": () => number;
    "api.later": (params?: { ms: number }) => Promise<string>;
    "mesh.load": (params: { path: string }) => Mesh;
    "mesh.save": (params: Mesh) => null;
    "api.find": ((params: { id: number }) => Mesh) | ((params: { name: string }) => Mesh[]);
  };
  events: {
    progress: { fraction: number };
    done: undefined;
  };
  emits: {
    selected: { id: number };
    closed: undefined;
  };
  state: {
    camera: { at: number[]; lens: { mm: number } };
    count: number;
  };
  channels: {
    frames: { receive: { n: number; data: Uint8Array }; send: "next" | "stop" };
    upload: { receive: never; send: Uint8Array };
  };
  commands: {
    rename: (args: { from: string; to: string }) => boolean;
    quit: () => null;
  };
}

/** Waits for a condition that comes true in a later turn. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not in time: ${condition}`);
    await new Promise((done) => setTimeout(done, 1));
  }
}

/** What a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<any> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not reject");
}
