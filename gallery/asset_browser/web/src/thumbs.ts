// Thumbnails: asked for when a cell needs one, the latest wish first, kept while there is room.

import { host, MESH, type Thumbnail } from "./bridge.js";
import type { Asset } from "./catalogue.js";

export interface Picture {
  bitmap: ImageBitmap | null; // null: cannot be shown
  sourceWidth: number;
  sourceHeight: number;
  error: string;
}

const IN_FLIGHT = 6; // more than the host's workers, so that they never run dry
const CACHE_BYTES = 64 * 1024 * 1024;

export class Thumbnails {
  loaded = 0;
  /** Milliseconds during which at least one request was under way. */
  busy = 0;
  private readonly cache = new Map<string, Picture>(); // oldest use first
  private bytes = 0;
  private wishes: { key: string; asset: Asset; side: number }[] = [];
  private readonly running = new Set<string>();
  private busySince = 0;

  constructor(
    private readonly meshPicture: (asset: Asset, side: number) => Promise<ImageBitmap | null>,
    private readonly arrived: (id: number) => void,
  ) {}

  /** The picture if it is there. */
  get(asset: Asset, side: number): Picture | undefined {
    const key = this.key(asset, side);
    const found = this.cache.get(key);
    if (found) {
      this.cache.delete(key);
      this.cache.set(key, found);
    }
    return found;
  }

  /** Replaces what is waiting: cells that were scrolled away are not worth a request any more. */
  want(assets: Asset[], side: number): void {
    this.wishes = [];
    for (const asset of assets) {
      const key = this.key(asset, side);
      if (!this.cache.has(key) && !this.running.has(key)) this.wishes.push({ key, asset, side });
    }
    this.pump();
  }

  clear(): void {
    this.wishes = [];
    for (const picture of this.cache.values()) picture.bitmap?.close();
    this.cache.clear();
    this.bytes = 0;
  }

  /** A picture at a size of its own, outside the cache. */
  async large(asset: Asset, side: number): Promise<Picture> {
    return toPicture(await host.thumbnail(asset.id, side));
  }

  private key(asset: Asset, side: number): string {
    return `${asset.id}@${side}`;
  }

  private pump(): void {
    while (this.running.size < IN_FLIGHT) {
      const wish = this.wishes.shift();
      if (!wish) break;
      if (this.running.size === 0) this.busySince = performance.now();
      this.running.add(wish.key);
      void this.load(wish.key, wish.asset, wish.side);
    }
  }

  private async load(key: string, asset: Asset, side: number): Promise<void> {
    let picture: Picture;
    try {
      if (asset.kind === MESH) {
        const bitmap = await this.meshPicture(asset, side);
        picture = { bitmap, sourceWidth: 0, sourceHeight: 0, error: "" };
      } else {
        picture = await toPicture(await host.thumbnail(asset.id, side));
        this.loaded++;
      }
    } catch (error) {
      picture = { bitmap: null, sourceWidth: 0, sourceHeight: 0, error: String((error as Error).message) };
    }
    this.running.delete(key);
    if (this.running.size === 0) this.busy += performance.now() - this.busySince;
    this.cache.set(key, picture);
    this.bytes += weight(picture);
    for (const [oldest, old] of this.cache) {
      if (this.bytes <= CACHE_BYTES || oldest === key) break;
      this.cache.delete(oldest);
      this.bytes -= weight(old);
      old.bitmap?.close();
    }
    this.arrived(asset.id);
    this.pump();
  }
}

function weight(picture: Picture): number {
  return picture.bitmap ? picture.bitmap.width * picture.bitmap.height * 4 : 64;
}

async function toPicture(thumbnail: Thumbnail): Promise<Picture> {
  const { width, height, rgba } = thumbnail;
  const pixels = new Uint8ClampedArray(rgba.buffer as ArrayBuffer, rgba.byteOffset, rgba.byteLength);
  return {
    bitmap: await createImageBitmap(new ImageData(pixels, width, height)),
    sourceWidth: thumbnail.sourceWidth,
    sourceHeight: thumbnail.sourceHeight,
    error: "",
  };
}

/** Draws a bitmap at its own size in the middle of a canvas, smaller if need be; `below` stays free. */
export function paint(
  canvas: HTMLCanvasElement,
  bitmap: ImageBitmap,
  width: number,
  height: number,
  below = 0,
): void {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d")!;
  context.clearRect(0, 0, width, height);
  const room = Math.max(height - below, height / 2);
  const scale = Math.min(1, width / bitmap.width, room / bitmap.height);
  const w = Math.round(bitmap.width * scale);
  const h = Math.round(bitmap.height * scale);
  context.drawImage(bitmap, Math.floor((width - w) / 2), Math.floor((room - h) / 2), w, h);
}
