import { makeError } from "../bridge.js";
import type { Channel } from "../contract.js";
import { EventEmitter } from "../emitter.js";
import { writeRecord, type PageRecord } from "./wire.js";

/** Bytes under way in each direction, as a host has them if not told otherwise. */
const WINDOW = 1 << 20;
const OVERHEAD = 64;

export type SendRecords = (records: readonly (readonly [string, ArrayBuffer[]])[]) => void;
type End = { by: string; error: Error | null };

/** The host's end of a channel that the page has opened. */
export class HostChannel implements Channel<any, any> {
  isClosed = false;
  error: Error | null = null;
  private used = 0;
  /** What is sent later goes behind it. */
  private tail: Promise<void> = Promise.resolve();
  private room: (() => void) | undefined;
  private readonly received: { message: unknown; bytes: number }[] = [];
  private readonly listeners = new EventEmitter<{ close: End; change: undefined }>();
  private readonly readers = new Set<(message: any) => unknown>();
  private reading = false;
  private end: End | undefined;

  constructor(
    readonly id: string,
    private readonly number: number,
    private readonly records: SendRecords,
  ) {
    this.tell("O", WINDOW);
  }

  send(data: unknown): Promise<void> {
    const record = writeRecord("M", this.number, data);
    const [text, buffers] = record;
    const bytes = buffers.reduce((sum, { byteLength }) => sum + byteLength, OVERHEAD + text.length);
    const turn = this.tail.then(async () => {
      if (bytes > WINDOW) throw makeError("TooLarge", `a message of ${bytes} bytes`, -9);
      while (!this.isClosed && this.used + bytes > WINDOW) {
        await new Promise<void>((go) => (this.room = go));
      }
      if (this.isClosed) {
        throw this.error ?? makeError("Closed", `channel "${this.id}" has ended`, -6);
      }
      this.used += bytes;
      this.records([writeRecord("N", bytes, null), record]);
    });
    this.tail = turn.catch(() => {});
    return turn;
  }

  close(reason?: unknown): void {
    if (this.isClosed) return;
    const failed = reason !== undefined && reason !== null;
    const error = failed ? (reason instanceof Error ? reason : new Error(String(reason))) : null;
    this.tell("Z", error && { name: error.name, message: error.message });
    this.finish({ by: "host", error: null });
  }

  onMessage(fn: (message: any) => unknown): () => void {
    this.readers.add(fn);
    void this.read();
    return () => void this.readers.delete(fn);
  }

  onClose(fn: (end: End) => void): void {
    if (this.end === undefined) this.listeners.once("close", fn);
    else fn(this.end);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<any, void, void> {
    try {
      for (;;) {
        const item = this.received.shift();
        if (item !== undefined) {
          this.consumed(item.bytes);
          yield item.message;
        } else if (this.isClosed) {
          if (this.error !== null) throw this.error;
          return;
        } else {
          await new Promise<void>((go) => this.listeners.once("change", () => go()));
        }
      }
    } finally {
      this.close();
    }
  }

  fromPage(record: PageRecord): void {
    if (record.kind === "M") {
      this.received.push({ message: record.value() ?? null, bytes: Number(record.name) });
      this.listeners.emit("change", undefined);
      void this.read();
    } else if (record.kind === "Q") {
      this.used -= record.value() as number;
      this.room?.();
    } else if (record.kind === "Z") {
      const reason = record.value() as { name: string; message: string } | undefined;
      this.finish({ by: "page", error: reason ? makeError(reason.name, reason.message) : null });
    }
  }

  /** A listener that returns a promise holds the next message back. */
  private async read(): Promise<void> {
    if (this.reading) return;
    this.reading = true;
    while (this.readers.size > 0 && this.received.length > 0) {
      const { message, bytes } = this.received.shift()!;
      for (const fn of [...this.readers]) {
        try {
          await fn(message);
        } catch (error) {
          console.error(`a listener of channel "${this.id}" threw`, error);
        }
      }
      this.consumed(bytes);
    }
    this.reading = false;
  }

  private consumed(bytes: number): void {
    if (!this.isClosed) this.tell("Q", bytes);
  }

  private finish(end: End): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.error = end.error;
    this.end = end;
    this.room?.();
    this.listeners.emit("change", undefined);
    this.listeners.emit("close", end);
  }

  private tell(kind: string, value: unknown): void {
    this.records([writeRecord(kind, this.number, value)]);
  }
}
