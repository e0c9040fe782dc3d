// Small statistics for the meters. No DOM.

export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const high = Math.ceil(at);
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (at - low);
}

/** The last `size` values. */
export class Recent {
  private readonly values: number[] = [];
  constructor(private readonly size = 60) {}

  push(value: number): void {
    this.values.push(value);
    if (this.values.length > this.size) this.values.shift();
  }

  get count(): number {
    return this.values.length;
  }

  get median(): number {
    return quantile(this.values, 0.5);
  }
}

/** Frames in the last second, by their time stamps in milliseconds. */
export class FrameCounter {
  private stamps: number[] = [];

  frame(now: number): number {
    this.stamps.push(now);
    let drop = 0;
    while (this.stamps[drop]! <= now - 1000) drop++;
    if (drop) this.stamps.splice(0, drop);
    return this.stamps.length;
  }
}

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = -1;
  do {
    value /= 1000;
    unit++;
  } while (value >= 999.5 && unit < units.length - 1);
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function formatCount(value: number): string {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

export function formatMilliseconds(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  if (ms < 0.995) return `${ms.toFixed(2)} ms`;
  return ms < 9.95 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
