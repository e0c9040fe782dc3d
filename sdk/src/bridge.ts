import type { CallOptions, Channel, State } from "./contract.js";

/** `window.auroraview` as the host put it there; docs/bridge.md describes it. */
export interface Bridge {
  call(method: string, params?: unknown, options?: CallOptions): Promise<any>;
  emit(event: string, detail?: unknown): void;
  on(event: string, listener: (detail: any) => void): () => void;
  readonly state: State<Record<string, any>>;
  channel(name: string): Channel<any, any>;
  whenReady(): Promise<Bridge>;
  isReady(): boolean;
  setConfig(changes: Config): Config;
  stats(): object;
}

export interface Config {
  /** Milliseconds that a call without a `timeout` waits; 0 is no limit. */
  callTimeoutMs?: number;
}

/** What a failed call rejects with. */
export interface HostError extends Error {
  /** The host's number or text for it; negative numbers are AuroraView's own. */
  code?: number | string;
  /** Whatever the host added, as a traceback. */
  data?: unknown;
}

/** Marks the bridge of the mock. */
export const MOCK = Symbol.for("auroraview.mock");

export function currentBridge(): Bridge | undefined {
  return (globalThis as { auroraview?: Bridge }).auroraview;
}

/** Whether a thrown value is an error of that name, as `"Timeout"` or `"MethodNotFound"`. */
export function isHostError(error: unknown, name?: string): error is HostError {
  return error instanceof Error && (name === undefined || error.name === name);
}

export function makeError(name: string, message: string, code?: number): HostError {
  const error: HostError = new Error(message);
  error.name = name;
  if (code !== undefined) error.code = code;
  return error;
}
