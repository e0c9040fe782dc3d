/** The page's own scripts, joined by build.mjs. */

/** Called by the page with records, or with one letter that asks or tells something. */
export type Native = (text: string, buffers?: ArrayLike<ArrayBuffer>) => string | undefined;
/** Gives the page an array of records, as JSON text, with their buffers. */
export type Deliver = (text: string, buffers: readonly ArrayBuffer[], value: undefined) => boolean;

export interface Values {
  /** What encode() found: `type,offset,length;…`, and the buffers. */
  parts: { text: string; buffers: ArrayLike<ArrayBuffer> };
  encode(value: unknown): string;
  decode(
    value: unknown,
    types: readonly number[] | 0,
    buffers: readonly ArrayBuffer[],
    first: number,
  ): unknown;
}

/** Binary values below the limit are copied; from it on they are passed as they are. */
export function makeValues(inlineLimit: number): Values;
/** What bridge.js uses in place of the globals of these names. */
export interface Globals {
  globalThis: EventTarget;
  document: object;
  Document: object;
  AbortSignal: object;
  setTimeout: object;
  clearTimeout: object;
  queueMicrotask: object;
}
export function makeBridge(globals: Globals, native: Native, inlineLimit: number): Deliver;
