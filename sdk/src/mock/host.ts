import { makeError, type HostError } from "../bridge.js";
import { EventEmitter } from "../emitter.js";
import { HostChannel } from "./channel.js";
import { Store } from "./state.js";
import { readRecords, writeRecord, type PageRecord } from "./wire.js";
import type { Deliver } from "./generated/page.js";

export interface CallContext {
  /** Aborted when the page gives the call up, or its time is over. */
  signal: AbortSignal;
}

export type Handler = (params: any, context: CallContext) => unknown;

const METHOD_NOT_FOUND = -18;

/** What a page gets of a thrown value, as from a real host. */
function describe(thrown: unknown): object {
  if (!(thrown instanceof Error)) return { name: "Error", message: String(thrown) };
  const { name, message, code, data } = thrown as HostError;
  return { name, message, code, data };
}

export class Host {
  private deliver: Deliver | undefined;
  private readonly running = new Map<number, AbortController>();
  private readonly pageEvents = new EventEmitter<Record<string, any>>();
  private readonly open = new Map<number, HostChannel>();
  readonly state = new Store((kind, key, value) => this.send(kind, key, value));
  handlers: Readonly<Record<string, Handler>> = {};
  channels: Readonly<Record<string, (channel: HostChannel) => void>> = {};
  latency = 0;

  connect(deliver: Deliver): void {
    this.deliver = deliver;
    this.later(() => this.state.complete());
  }

  readonly native = (text: string, buffers?: ArrayLike<ArrayBuffer>): string | undefined => {
    // Without buffers it is one letter: the page asks for counts, or tells whether it is seen.
    if (buffers === undefined) return text === "?" ? '{"up":true}' : undefined;
    for (const record of readRecords(text, buffers)) {
      if (record.kind === "C") void this.call(record.id, record.name, record.value());
      else if (record.kind === "X") this.cancel(record.id);
      else if (record.kind === "E") this.hear(record.name, record.value());
      else if (record.kind === "S" || record.kind === "U") this.later(() => this.state.fromPage(record));
      else if (record.kind === "O") this.later(() => this.join(record.id, record.name));
      else if ("MQZ".includes(record.kind)) this.later(() => this.inChannel(record));
    }
    return undefined;
  };

  emit(event: string, detail?: unknown): void {
    this.send("E", event, detail);
  }

  on(event: string, fn: (detail: any) => void): () => void {
    return this.pageEvents.on(event, fn);
  }

  private async call(id: number, name: string, params: unknown): Promise<void> {
    const controller = new AbortController();
    this.running.set(id, controller);
    // A host never answers in the turn that asked.
    await new Promise((done) => setTimeout(done, this.latency));
    if (controller.signal.aborted) return;
    try {
      const handler = Object.hasOwn(this.handlers, name) ? this.handlers[name] : undefined;
      if (handler === undefined) {
        throw makeError("MethodNotFound", `no handler is bound to '${name}'`, METHOD_NOT_FOUND);
      }
      const result: unknown = await handler(params, { signal: controller.signal });
      this.answer("R", id, result);
    } catch (error) {
      this.answer("F", id, describe(error));
    }
  }

  /** Throws if the value cannot be sent; the call then still waits for an answer. */
  private answer(kind: string, id: number, value: unknown): void {
    if (!this.running.has(id)) return;
    this.send(kind, id, value);
    this.running.delete(id);
  }

  /** In order, and never inside the page's own turn. */
  private later(fn: () => void): void {
    setTimeout(fn, 0);
  }

  private join(number: number, name: string): void {
    const handler = Object.hasOwn(this.channels, name) ? this.channels[name] : undefined;
    if (handler === undefined) return; // the host has no end of that name: the page waits
    const channel = new HostChannel(name, number, (records) => this.sendRecords(records));
    this.open.set(number, channel);
    channel.onClose(() => this.open.delete(number));
    handler(channel);
  }

  private inChannel(record: PageRecord): void {
    this.open.get(record.id)?.fromPage(record);
  }

  private cancel(id: number): void {
    const controller = this.running.get(id);
    this.running.delete(id);
    controller?.abort();
  }

  private hear(event: string, detail: unknown): void {
    this.later(() => this.pageEvents.emit(event, detail ?? null));
  }

  private send(kind: string, key: number | string, value: unknown): void {
    this.sendRecords([writeRecord(kind, key, value)]);
  }

  private sendRecords(records: readonly (readonly [string, ArrayBuffer[]])[]): void {
    const text = `[${records.map(([one]) => one).join()}]`;
    const buffers = records.flatMap(([, own]) => own);
    this.deliver?.(text, buffers, undefined);
  }
}
