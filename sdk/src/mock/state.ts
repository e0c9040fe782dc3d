import { EventEmitter } from "../emitter.js";
import type { PageRecord } from "./wire.js";

export type Send = (kind: string, key: number | string, value: unknown) => void;
type Change = { key: string; value: unknown; source: "python" | "javascript" };

/** The host's store: it decides the order of all writes. */
export class Store {
  private readonly values = new Map<string, unknown>();
  private readonly changes = new EventEmitter<{ change: Change }>();
  /** Number of the page's last write that is in. */
  private last = 0;

  constructor(private readonly send: Send) {}

  get(key: string): unknown {
    return this.values.get(key);
  }

  keys(): string[] {
    return [...this.values.keys()];
  }

  set(key: string, value: unknown): void {
    this.tellPage("S", key, value);
    this.values.set(key, value);
    this.changes.emit("change", { key, value, source: "python" });
  }

  delete(key: string): boolean {
    if (!this.values.delete(key)) return false;
    this.tellPage("U", key, null);
    this.changes.emit("change", { key, value: undefined, source: "python" });
    return true;
  }

  onChange(fn: (key: any, value: any, source: "python" | "javascript") => void): () => void {
    return this.changes.on("change", ({ key, value, source }) => fn(key, value, source));
  }

  /** All that the host has is there. */
  complete(): void {
    this.tellPage("Y", 0, null);
  }

  fromPage(record: PageRecord): void {
    const value = record.kind === "S" ? record.value() : undefined;
    if (record.kind === "S") this.values.set(record.name, value);
    else this.values.delete(record.name);
    this.last = record.id;
    this.tellPage("A", record.name, null);
    this.changes.emit("change", { key: record.name, value, source: "javascript" });
  }

  private tellPage(kind: string, key: number | string, value: unknown): void {
    this.send("N", this.last, null);
    this.send(kind, key, value);
  }
}
