// The grid of assets: only the cells in view exist, and they are used again while scrolling.

import { MESH } from "./bridge.js";
import type { Asset, Catalogue } from "./catalogue.js";
import { icon } from "./icons.js";
import { layOut, place, reveal, step, visible, type Layout } from "./layout.js";
import { paint, type Thumbnails } from "./thumbs.js";

interface Cell {
  element: HTMLDivElement;
  canvas: HTMLCanvasElement;
  badge: HTMLSpanElement;
  placeholder: HTMLDivElement;
  name: HTMLSpanElement;
  id: number; // of the asset it shows, or -1
  painted: string; // what its canvas shows
}

const AHEAD = 160; // assets after those in view whose pictures are made in advance
const MOVES = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End"]);

export class Grid {
  selected = -1;
  private layout: Layout = layOut(0, 300, 100);
  private readonly spacer = document.createElement("div");
  private readonly cells = new Map<number, Cell>(); // by asset id
  private readonly spare: Cell[] = [];
  private scheduled = false;
  private wanted = 104; // CSS pixels a cell should have

  constructor(
    private readonly root: HTMLElement,
    private readonly catalogue: Catalogue,
    private readonly thumbnails: Thumbnails,
    private readonly picked: (asset: Asset) => void,
  ) {
    this.spacer.className = "spacer";
    root.append(this.spacer);
    root.addEventListener("scroll", () => this.schedule(), { passive: true });
    root.addEventListener("keydown", (event) => this.key(event));
    this.spacer.addEventListener("click", (event) => {
      const element = (event.target as HTMLElement).closest<HTMLElement>(".cell");
      const asset = element && this.catalogue.assets.get(Number(element.dataset.id));
      if (asset) this.pick(asset);
    });
    new ResizeObserver(() => this.refresh()).observe(root);
  }

  setCellSize(wanted: number): void {
    this.wanted = wanted;
    this.refresh();
  }

  /** After the list changed. */
  refresh(): void {
    // The asset at the top stays there when columns change.
    const anchor = Math.round(this.root.scrollTop / (this.layout.cellHeight + 8)) * this.layout.columns;
    const before = this.layout.columns;
    this.layout = layOut(this.catalogue.shown.length, this.root.clientWidth, this.wanted);
    this.spacer.style.height = `${this.layout.height}px`;
    if (before !== this.layout.columns && anchor > 0) {
      this.root.scrollTop = place(this.layout, anchor).y - 10;
    }
    this.schedule();
  }

  toTop(): void {
    this.root.scrollTop = 0;
    this.schedule();
  }

  /** Shows a selection that was made elsewhere; tells nobody. */
  select(id: number, scroll: boolean): void {
    if (this.selected !== id) {
      this.cells.get(this.selected)?.element.removeAttribute("aria-selected");
      this.selected = id;
      this.cells.get(id)?.element.setAttribute("aria-selected", "true");
    }
    const index = this.catalogue.position(id);
    if (scroll && index >= 0) {
      this.root.scrollTop = reveal(this.layout, index, this.root.scrollTop, this.root.clientHeight);
      this.schedule();
    }
  }

  pictureArrived(id: number): void {
    const cell = this.cells.get(id);
    const asset = this.catalogue.assets.get(id);
    if (cell && asset) this.fill(cell, asset);
  }

  private pick(asset: Asset): void {
    this.select(asset.id, true);
    this.picked(asset);
  }

  private key(event: KeyboardEvent): void {
    if (!MOVES.has(event.key) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const shown = this.catalogue.shown;
    const index = step(this.layout, shown.length, this.catalogue.position(this.selected), event.key);
    const asset = shown[index];
    if (asset && asset.id !== this.selected) this.pick(asset);
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.render();
    });
  }

  private get side(): number {
    return Math.round((this.layout.cellWidth - 2) * window.devicePixelRatio);
  }

  private render(): void {
    const shown = this.catalogue.shown;
    const { scrollTop, clientHeight } = this.root;
    const [first, last] = visible(this.layout, shown.length, scrollTop, clientHeight, 1);
    const keep = new Set<number>();
    for (let i = first; i < last; i++) keep.add(shown[i]!.id);
    for (const [id, cell] of this.cells) {
      if (keep.has(id)) continue;
      this.cells.delete(id);
      cell.element.hidden = true;
      this.spare.push(cell);
    }
    const missing: Asset[] = [];
    for (let i = first; i < last; i++) {
      const asset = shown[i]!;
      let cell = this.cells.get(asset.id);
      if (!cell) {
        cell = this.spare.pop() ?? this.create();
        this.cells.set(asset.id, cell);
        this.assign(cell, asset);
      }
      const { x, y } = place(this.layout, i);
      const style = cell.element.style;
      style.transform = `translate(${x}px, ${y}px)`;
      style.width = `${this.layout.cellWidth}px`;
      style.height = `${this.layout.cellHeight}px`;
      if (!this.fill(cell, asset)) missing.push(asset);
    }
    // What comes into view next, so that scrolling seldom meets an empty cell.
    this.thumbnails.want([...missing, ...shown.slice(last, last + AHEAD)], this.side);
  }

  private create(): Cell {
    const element = document.createElement("div");
    element.className = "cell";
    element.setAttribute("role", "option");
    const frame = document.createElement("div");
    frame.className = "frame";
    const placeholder = document.createElement("div");
    placeholder.className = "placeholder";
    const canvas = document.createElement("canvas");
    const badge = document.createElement("span");
    badge.className = "badge";
    const name = document.createElement("span");
    name.className = "name";
    frame.append(placeholder, canvas, badge);
    element.append(frame, name);
    this.spacer.append(element);
    return { element, canvas, badge, placeholder, name, id: -1, painted: "" };
  }

  private assign(cell: Cell, asset: Asset): void {
    cell.id = asset.id;
    cell.painted = "";
    const { element } = cell;
    element.hidden = false;
    element.dataset.id = String(asset.id);
    element.dataset.state = "loading";
    element.title = `${asset.name}\n${this.catalogue.folders.get(asset.folder)?.path ?? ""}`;
    element.classList.toggle("mesh", asset.kind === MESH);
    if (asset.id === this.selected) element.setAttribute("aria-selected", "true");
    else element.removeAttribute("aria-selected");
    cell.name.textContent = asset.name;
    cell.badge.textContent = asset.extension;
    cell.placeholder.innerHTML = icon(asset.kind === MESH ? "mesh" : "image");
  }

  /** Paints the cell's picture if it is there; false if it has to be asked for. */
  private fill(cell: Cell, asset: Asset): boolean {
    const side = this.side;
    const key = `${asset.id}@${side}`;
    if (cell.painted === key) return true;
    const picture = this.thumbnails.get(asset, side);
    if (!picture) return false;
    cell.painted = key;
    cell.element.dataset.state = picture.bitmap ? "ready" : "none";
    if (picture.bitmap) paint(cell.canvas, picture.bitmap, side, side);
    return true;
  }
}
