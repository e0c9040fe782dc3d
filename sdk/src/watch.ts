// What the hooks of React and Vue share: one key of the state, with or without a host.
import type { AuroraViewClient } from "./client.js";

/** Calls `changed` for each change of the key; returns a function that ends it. */
export function watchState(
  client: AuroraViewClient,
  key: string,
  changed: () => void,
): () => void {
  const listen = (): (() => void) =>
    client.state.onChange((name) => {
      if (name === key) changed();
    });
  if (client.getRawBridge() !== undefined) return listen();
  const end = new AbortController();
  let remove: (() => void) | undefined;
  client.whenReady({ timeout: 0, signal: end.signal }).then(
    () => {
      if (end.signal.aborted) return;
      remove = listen();
      changed();
    },
    () => {}, // nobody waits any more
  );
  return () => {
    end.abort();
    remove?.();
  };
}

export function readState(client: AuroraViewClient, key: string): unknown {
  return client.getRawBridge()?.state[key];
}

/** `undefined` takes the key away. */
export function writeState(client: AuroraViewClient, key: string, value: unknown): void {
  if (value === undefined) delete client.state[key];
  else client.state[key] = value;
}
