// All assets the host has reported, and which of them are shown. No DOM: tested with Node.

import { MESH, type Columns } from "./bridge.js";

export interface Folder {
  id: number;
  parent: number;
  name: string;
  path: string; // as shown: "Samples / meshes"
  haystack: string; // lower case
}

export interface Asset {
  id: number;
  folder: number;
  name: string;
  kind: number;
  size: number; // bytes
  mtime: number; // seconds since the epoch
  haystack: string; // name and folder, lower case
  extension: string;
}

export type Sort = "folder" | "name" | "size" | "date";
export type KindChoice = "all" | "image" | "mesh";

export interface Query {
  text: string;
  kind: KindChoice;
  folder: number | null;
  sort: Sort;
}

export interface Terms {
  want: string[];
  refuse: string[];
  extensions: string[];
}

/** Words must all occur; "-word" must not; ".png" means that extension. */
export function parseTerms(text: string): Terms {
  const terms: Terms = { want: [], refuse: [], extensions: [] };
  for (const word of text.toLowerCase().split(/\s+/)) {
    if (word.length > 1 && word.startsWith("-")) {
      terms.refuse.push(word.slice(1));
    } else if (/^\.[a-z0-9]+$/.test(word)) {
      terms.extensions.push(word.slice(1));
    } else if (word && word !== "-") {
      terms.want.push(word);
    }
  }
  return terms;
}

export function matches(asset: Asset, terms: Terms): boolean {
  for (const word of terms.want) if (!asset.haystack.includes(word)) return false;
  for (const word of terms.refuse) if (asset.haystack.includes(word)) return false;
  // While ".pn" is being typed it should already show the .png files.
  return terms.extensions.length === 0 || terms.extensions.some((e) => asset.extension.startsWith(e));
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

const ORDERS: Record<Exclude<Sort, "folder">, (a: Asset, b: Asset) => number> = {
  name: (a, b) => collator.compare(a.name, b.name) || a.id - b.id,
  size: (a, b) => b.size - a.size || a.id - b.id,
  date: (a, b) => b.mtime - a.mtime || a.id - b.id,
};

export class Catalogue {
  readonly folders = new Map<number, Folder>();
  readonly assets = new Map<number, Asset>();
  counts = { image: 0, mesh: 0 };
  shown: Asset[] = [];
  query: Query = { text: "", kind: "all", folder: null, sort: "folder" };
  private positions: Map<number, number> | null = null;

  clear(): void {
    this.folders.clear();
    this.assets.clear();
    this.counts = { image: 0, mesh: 0 };
    this.shown = [];
    this.positions = null;
    this.query.folder = null;
  }

  add(columns: Columns): void {
    const { folders, assets } = columns;
    for (let i = 0; i < folders.id.length; i++) {
      const parent = this.folders.get(folders.parent[i]!);
      const name = folders.name[i]!;
      const path = parent ? `${parent.path} / ${name}` : name;
      const id = folders.id[i]!;
      this.folders.set(id, { id, parent: folders.parent[i]!, name, path, haystack: path.toLowerCase() });
    }
    const fresh: Asset[] = [];
    for (let i = 0; i < assets.id.length; i++) {
      const name = assets.name[i]!;
      const folder = assets.folder[i]!;
      const lower = name.toLowerCase();
      const asset: Asset = {
        id: assets.id[i]!,
        folder,
        name,
        kind: assets.kind[i]!,
        size: assets.size[i]!,
        mtime: assets.mtime[i]!,
        haystack: `${lower} ${this.folders.get(folder)?.haystack ?? ""}`,
        extension: lower.slice(lower.lastIndexOf(".") + 1),
      };
      this.assets.set(asset.id, asset);
      if (asset.kind === MESH) this.counts.mesh++;
      else this.counts.image++;
      fresh.push(asset);
    }
    const added = this.select(fresh);
    if (added.length === 0) return;
    for (const asset of added) this.shown.push(asset);
    if (this.query.sort !== "folder") this.shown.sort(ORDERS[this.query.sort]);
    this.positions = null;
  }

  setQuery(change: Partial<Query>): void {
    Object.assign(this.query, change);
    this.shown = this.select(this.assets.values());
    if (this.query.sort !== "folder") this.shown.sort(ORDERS[this.query.sort]);
    this.positions = null;
  }

  /** Where an asset stands among those shown, or -1. */
  position(id: number): number {
    if (this.positions === null) {
      this.positions = new Map(this.shown.map((asset, index) => [asset.id, index]));
    }
    return this.positions.get(id) ?? -1;
  }

  /** Whether `id` is `folder` or lies below it. */
  inside(id: number, folder: number): boolean {
    for (let at: number | undefined = id; at !== undefined; at = this.folders.get(at)?.parent) {
      if (at === folder) return true;
    }
    return false;
  }

  /** A folder and those above it, the outermost first. */
  trail(id: number): Folder[] {
    const out: Folder[] = [];
    for (let at = this.folders.get(id); at; at = this.folders.get(at.parent)) out.unshift(at);
    return out;
  }

  private select(assets: Iterable<Asset>): Asset[] {
    const { text, kind, folder } = this.query;
    const terms = parseTerms(text);
    const within = new Map<number, boolean>();
    const out: Asset[] = [];
    for (const asset of assets) {
      if (kind !== "all" && (asset.kind === MESH) !== (kind === "mesh")) continue;
      if (folder !== null) {
        let inside = within.get(asset.folder);
        if (inside === undefined) within.set(asset.folder, (inside = this.inside(asset.folder, folder)));
        if (!inside) continue;
      }
      if (matches(asset, terms)) out.push(asset);
    }
    return out;
  }
}
