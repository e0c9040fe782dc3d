// The right (or lower) half: the selected asset, large.

import { host, MESH, type HostError } from "./bridge.js";
import type { Asset, Catalogue } from "./catalogue.js";
import { byId, one } from "./dom.js";
import { formatBytes, formatCount } from "./stats.js";
import { paint, type Thumbnails } from "./thumbs.js";
import type { Viewer } from "./viewer.js";

export class Preview {
  private shown: Asset | null = null;
  private token = 0; // of the newest request: answers to older ones are late
  private readonly root = byId("preview");
  private readonly stage = byId("stage");
  private readonly picture = byId<HTMLCanvasElement>("picture");
  private readonly message = byId("message");
  private readonly facts = byId("facts");
  private bitmap: ImageBitmap | null = null;

  constructor(
    private readonly viewer: Viewer,
    private readonly thumbnails: Thumbnails,
    private readonly catalogue: Catalogue,
  ) {
    const spin = byId("spin");
    const wire = byId("wire");
    spin.addEventListener("click", () => {
      this.viewer.spinning = spin.classList.toggle("on");
    });
    wire.addEventListener("click", () => this.viewer.setWire(wire.classList.toggle("on")));
    byId("frame").addEventListener("click", () => this.viewer.resetCamera());
    document.addEventListener("keydown", (event) => {
      if (event.target instanceof HTMLInputElement || event.ctrlKey || event.altKey || event.metaKey) return;
      const button = { " ": spin, w: wire, f: byId("frame") }[event.key.toLowerCase()];
      if (!button) return;
      event.preventDefault();
      button.click();
    });
    new ResizeObserver(() => this.repaint()).observe(this.root);
    this.clear();
  }

  clear(): void {
    this.token++;
    this.shown = null;
    this.viewer.clear();
    this.say("Select an asset to see it here.", "hint");
    this.setFacts("", "", "");
    this.mode("none");
  }

  async show(asset: Asset): Promise<void> {
    if (this.shown === asset) return;
    this.shown = asset;
    const token = ++this.token;
    const folder = this.catalogue.folders.get(asset.folder)?.path ?? "";
    const size = formatBytes(asset.size);
    this.setFacts(asset.name, size, folder);
    try {
      if (asset.kind === MESH) {
        if (!this.viewer.hasMesh || this.root.dataset.mode !== "mesh") this.say("Reading the mesh…", "hint");
        const mesh = await host.mesh(asset.id);
        if (token !== this.token) return;
        const counts = mesh.points
          ? `${formatCount(mesh.vertices)} points`
          : `${formatCount(mesh.triangles)} triangles · ${formatCount(mesh.vertices)} vertices`;
        this.setFacts(asset.name, `${mesh.format} · ${counts} · ${size}`, mesh.warnings.join("; ") || folder);
        if (this.viewer.problem) {
          this.say(`${this.viewer.problem}. The mesh was read (${counts}), but cannot be drawn.`, "error");
          this.mode("none");
          return;
        }
        this.mode("mesh");
        this.viewer.show(mesh);
      } else {
        const side = Math.max(this.root.clientWidth, this.root.clientHeight) * window.devicePixelRatio;
        const picture = await this.thumbnails.large(asset, Math.min(2048, Math.ceil(side)));
        if (token !== this.token) {
          picture.bitmap?.close();
          return;
        }
        this.bitmap?.close();
        this.bitmap = picture.bitmap;
        const format = asset.extension.toUpperCase();
        this.setFacts(asset.name, `${format} · ${picture.sourceWidth} × ${picture.sourceHeight} · ${size}`, folder);
        this.mode("image");
        this.repaint();
      }
      this.say("", "hint");
    } catch (error) {
      if (token !== this.token) return;
      const { name, message } = error as HostError;
      this.mode("none");
      this.say(`${name}: ${message}`, "error");
    }
  }

  private repaint(): void {
    if (this.root.dataset.mode !== "image" || !this.bitmap) return;
    const ratio = window.devicePixelRatio;
    const { clientWidth, clientHeight } = this.picture;
    const below = Math.round(58 * ratio); // what the facts cover
    paint(this.picture, this.bitmap, Math.round(clientWidth * ratio), Math.round(clientHeight * ratio), below);
  }

  private mode(mode: "none" | "mesh" | "image"): void {
    this.root.dataset.mode = mode;
    this.stage.hidden = mode !== "mesh";
    this.picture.hidden = mode !== "image";
    if (mode !== "mesh") this.viewer.clear();
  }

  private say(text: string, kind: "hint" | "error"): void {
    this.message.textContent = text;
    this.message.className = kind;
  }

  private setFacts(name: string, what: string, where: string): void {
    one(this.facts, "strong").textContent = name;
    one(this.facts, "span").textContent = what;
    one(this.facts, "em").textContent = where;
    this.facts.title = where;
  }
}
