// The host's end of the records that bridge.js describes.
import { makeValues } from "./generated/page.js";

const US = "\x1f";
const RS = "\x1e";

/** Every binary value is copied, whatever its length: host and page share nothing. */
export const COPY_ALL = Infinity;
const values = makeValues(COPY_ALL);

export interface PageRecord {
  kind: string;
  id: number;
  name: string;
  value(): unknown;
}

export function readRecords(text: string, buffers: ArrayLike<ArrayBuffer>): PageRecord[] {
  const all = Array.from(buffers); // the page's own lists have no methods
  let used = 0;
  return text
    .split(RS)
    .slice(0, -1)
    .map((record) => {
      const [kind = "", id = "", name = "", parts = "", payload = ""] = record.split(US);
      const types = parts === "" ? [] : parts.split(";").map((part) => parseInt(part, 10));
      const own = all.slice(used, (used += types.length));
      return {
        kind,
        id: Number(id),
        name: decodeURIComponent(name),
        value: () =>
          payload === "" ? undefined : values.decode(JSON.parse(payload), types, own, 0),
      };
    });
}

/** One record for the page: the JSON of its four elements, and its buffers. */
export function writeRecord(
  kind: string,
  key: number | string,
  value: unknown,
): [text: string, buffers: ArrayBuffer[]] {
  const payload = values.encode(value) || "null";
  const { text, buffers } = values.parts;
  values.parts.text = "";
  const types = text === "" ? "0" : `[${text.split(";").map((part) => parseInt(part, 10))}]`;
  return [
    `"${kind}",${JSON.stringify(key)},${types},${payload}`,
    text === "" ? [] : Array.from(buffers),
  ];
}
