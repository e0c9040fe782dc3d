import { currentBridge, MOCK } from "./bridge.js";

/** `host`: inside AuroraView. `mock`: a browser with the mock. `browser`: neither. */
export type Environment = "host" | "mock" | "browser";

export function getEnvironment(): Environment {
  const bridge = currentBridge();
  if (bridge === undefined) return "browser";
  return MOCK in bridge ? "mock" : "host";
}

/** Whether a real host is there, not the mock. */
export function isAuroraView(): boolean {
  return getEnvironment() === "host";
}

/** Whether this host's bridge has a member of that name, as `"call"`. */
export function hasFeature(name: string): boolean {
  const bridge = currentBridge();
  return bridge !== undefined && Object.hasOwn(bridge, name);
}

export function hasFeatures(...names: string[]): boolean {
  return names.every(hasFeature);
}

export function getAvailableFeatures(): string[] {
  const bridge = currentBridge();
  return bridge === undefined ? [] : Object.keys(bridge).filter((name) => !name.startsWith("_"));
}
