import { host, type Batch, type Begin, type Progress, type Selection } from "./bridge.js";
import { Catalogue, type KindChoice, type Sort } from "./catalogue.js";
import { byId, one } from "./dom.js";
import { Freeze } from "./freeze.js";
import { Grid } from "./grid.js";
import { icon, type IconName } from "./icons.js";
import { Meters } from "./meters.js";
import { Preview } from "./preview.js";
import { formatCount } from "./stats.js";
import { Thumbnails } from "./thumbs.js";
import { Viewer } from "./viewer.js";

const MESH_THUMBNAIL_LIMIT = 24 * 1024 * 1024; // bytes of file; larger ones keep their icon

for (const element of document.querySelectorAll<HTMLElement>("[data-icon]")) {
  element.innerHTML = icon(element.dataset.icon as IconName);
}

const catalogue = new Catalogue();
const viewer = new Viewer(byId("stage"));
const thumbnails = new Thumbnails(
  async (asset, side) => {
    if (asset.size > MESH_THUMBNAIL_LIMIT || viewer.problem) return null;
    return viewer.picture(await host.mesh(asset.id), side);
  },
  (id) => grid.pictureArrived(id),
);
const grid = new Grid(byId("grid"), catalogue, thumbnails, (asset) => {
  void preview.show(asset);
  host.select({ asset: asset.id });
});
const preview = new Preview(viewer, thumbnails, catalogue);
const meters = new Meters();
const freeze = new Freeze(meters, viewer, byId("grid"));

// --- filter, kind, sort -------------------------------------------------------------------

const filter = byId<HTMLInputElement>("filter");
const filterClear = byId("filter-clear");
const nothing = byId("nothing");

function listChanged(): void {
  const { counts, shown, assets, query } = catalogue;
  one(document, '[data-kind="all"] b').textContent = formatCount(counts.image + counts.mesh);
  one(document, '[data-kind="image"] b').textContent = formatCount(counts.image);
  one(document, '[data-kind="mesh"] b').textContent = formatCount(counts.mesh);
  nothing.hidden = shown.length > 0;
  if (assets.size > 0) nothing.textContent = "Nothing matches.";
  else if (scanning) nothing.textContent = "Looking for assets…";
  else nothing.textContent = unreadable ? "This folder cannot be read." : "No images or meshes here.";
  document.body.dataset.shown = String(shown.length);
  filterClear.hidden = query.text === "";
  grid.refresh();
}

/** What is asked for stays with the host: a page that is loaded again shows the same. */
function queryChanged(): void {
  const { text, kind, sort } = catalogue.query;
  host.remember({ text, kind, sort });
  grid.toTop();
  listChanged();
}

function setText(text: string): void {
  if (filter.value !== text) filter.value = text;
  catalogue.setQuery({ text });
  queryChanged();
}

function setKind(kind: KindChoice): void {
  for (const button of document.querySelectorAll<HTMLElement>("[data-kind]")) {
    button.setAttribute("aria-checked", String(button.dataset.kind === kind));
  }
  catalogue.setQuery({ kind });
  queryChanged();
}

function setSort(sort: Sort): void {
  byId<HTMLSelectElement>("sort").value = sort;
  catalogue.setQuery({ sort });
  queryChanged();
}

function setFolder(folder: number | null): void {
  catalogue.setQuery({ folder });
  drawTrail();
  grid.toTop();
  listChanged();
}

filter.addEventListener("input", () => setText(filter.value));
filter.addEventListener("keydown", (event) => {
  if (event.key === "Escape") setText("");
  else if (event.key === "ArrowDown" || event.key === "Enter") byId("grid").focus();
});
filterClear.addEventListener("click", () => {
  setText("");
  filter.focus();
});
byId("kinds").addEventListener("click", (event) => {
  const kind = (event.target as HTMLElement).closest<HTMLElement>("[data-kind]")?.dataset.kind;
  if (kind) setKind(kind as KindChoice);
});
byId<HTMLSelectElement>("sort").addEventListener("change", (event) => {
  setSort((event.target as HTMLSelectElement).value as Sort);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !(event.target instanceof HTMLInputElement)) {
    event.preventDefault();
    filter.focus();
    filter.select();
  }
});

// --- folder trail -------------------------------------------------------------------------

const trail = byId("trail");
let roots: string[] = [];

function drawTrail(): void {
  const { folder } = catalogue.query;
  const parts = folder === null ? [] : catalogue.trail(folder);
  const crumb = (id: number | null, text: string, last: boolean): HTMLButtonElement => {
    const button = document.createElement("button");
    button.textContent = text;
    button.classList.toggle("here", last);
    button.addEventListener("click", () => {
      if (catalogue.query.folder === id) return;
      setFolder(id);
      host.select({ folder: id });
    });
    return button;
  };
  const label = document.createElement("span");
  label.innerHTML = icon("folder");
  // With a single root, "everything" and that root are the same.
  const rest = roots.length > 1 ? parts : parts.slice(1);
  const home = crumb(null, roots.length > 1 ? "All folders" : (roots[0] ?? ""), rest.length === 0);
  trail.replaceChildren(label, home, ...rest.map((f, i) => crumb(f.id, f.name, i === rest.length - 1)));
  trail.scrollLeft = trail.scrollWidth;
}

// --- scan ---------------------------------------------------------------------------------

const bar = one(byId("bar"), "i");
const scanText = byId("scan-text");
const cancel = byId<HTMLButtonElement>("cancel");
const rescan = byId<HTMLButtonElement>("rescan");
let scanning = false;
let unreadable = false; // all of it: not a single file was found
let wanted: Selection | null = null; // selected by the host before its batch was here

function showProgress(progress: Progress): void {
  scanning = !progress.done;
  document.body.dataset.scan = scanning ? "running" : progress.cancelled ? "cancelled" : "done";
  cancel.hidden = !scanning;
  rescan.hidden = scanning;
  bar.style.transform = `scaleX(${progress.fraction})`;
  const files = formatCount(progress.files);
  unreadable = progress.files === 0 && progress.unreadable > 0;
  if (scanning) {
    scanText.textContent = `${Math.floor(progress.fraction * 100)} % · ${files} files · ${progress.current}`;
  } else {
    const assets = formatCount(progress.assets);
    scanText.textContent = progress.cancelled
      ? `Cancelled: ${assets} assets in the first ${files} files`
      : `${assets} assets in ${files} files · ${progress.seconds.toFixed(1)} s`;
  }
  if (progress.unreadable && !scanning) scanText.textContent += ` · ${formatCount(progress.unreadable)} unreadable`;
  scanText.title = `${formatCount(progress.folders)} folders`;
}

function addBatch(batch: Batch): void {
  catalogue.add(batch);
  showProgress(batch.progress);
  listChanged();
  if (wanted) selectFromHost(wanted);
}

function begin(detail: Begin): void {
  roots = detail.roots;
  wanted = host.selection();
  catalogue.clear();
  thumbnails.clear();
  grid.select(-1, false);
  preview.clear();
  drawTrail();
  showProgress({
    fraction: 0, files: 0, folders: 0, assets: 0, unreadable: 0, seconds: 0, current: "", done: false, cancelled: false,
  });
  listChanged();
}

cancel.addEventListener("click", () => void host.cancel());
rescan.addEventListener("click", () => void host.rescan());

// --- selection ----------------------------------------------------------------------------

// Only what the user does here is told to the host, never what the host asked for: no echo.
function selectFromHost(selection: Selection): void {
  wanted = null;
  const { asset: id, folder } = selection;
  if (id === null) {
    if (folder !== null && !catalogue.folders.has(folder)) wanted = selection;
    else setFolder(folder);
    return;
  }
  const asset = catalogue.assets.get(id);
  if (!asset) {
    wanted = selection;
    return;
  }
  // It must be seen: what hides it gives way, the narrowest first.
  const scope = catalogue.query.folder;
  if (scope !== null && !catalogue.inside(asset.folder, scope)) setFolder(null);
  if (catalogue.position(id) < 0) setText("");
  if (catalogue.position(id) < 0) setKind("all");
  grid.select(id, true);
  void preview.show(asset);
}

// --- divider ------------------------------------------------------------------------------

const main = byId("main");
byId("divider").addEventListener("pointerdown", (event) => {
  const divider = event.currentTarget as HTMLElement;
  divider.setPointerCapture(event.pointerId);
  const move = (e: PointerEvent): void => {
    const box = main.getBoundingClientRect();
    const wide = getComputedStyle(main).flexDirection === "row";
    const share = wide ? (e.clientX - box.left) / box.width : (e.clientY - box.top) / box.height;
    main.style.setProperty("--share", `${Math.min(0.8, Math.max(0.2, share)) * 100}%`);
  };
  const end = (): void => {
    divider.removeEventListener("pointermove", move);
  };
  divider.addEventListener("pointermove", move);
  divider.addEventListener("lostpointercapture", end, { once: true });
});

// The caret shows where the keyboard is; when it is elsewhere in the window, no ring should claim it.
const away = (): boolean => document.body.classList.toggle("away", !document.hasFocus());
addEventListener("focus", away);
addEventListener("blur", away);
away();

// --- start --------------------------------------------------------------------------------

function frame(now: number): void {
  meters.frame(now);
  viewer.frame(now);
  freeze.frame(now);
  requestAnimationFrame(frame);
}
requestAnimationFrame(frame);

host.onSelect(selectFromHost);
await host.ready();
const query = host.remembered();
if (query) {
  setText(query.text);
  setKind(query.kind as KindChoice);
  setSort(query.sort as Sort);
}
meters.start();
for await (const part of host.scan()) {
  if ("roots" in part) begin(part);
  else addBatch(part);
  document.body.dataset.ready = "yes";
}
