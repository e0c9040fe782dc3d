// Arithmetic of the virtual grid: which cells exist for a scroll position. No DOM.

export interface Layout {
  columns: number;
  rows: number;
  cellWidth: number;
  cellHeight: number;
  left: number;
  height: number; // of all rows, in CSS pixels
}

export const GAP = 8;
export const PADDING = 10;
export const CAPTION = 22; // under each thumbnail

export function layOut(count: number, width: number, wanted: number): Layout {
  const usable = Math.max(width - 2 * PADDING, 40);
  const columns = Math.max(1, Math.floor((usable + GAP) / (wanted + GAP)));
  // Cells share what is left over, so that the grid always fills its width.
  const cellWidth = Math.floor((usable - GAP * (columns - 1)) / columns);
  const cellHeight = cellWidth + CAPTION;
  const rows = Math.ceil(count / columns);
  return {
    columns,
    rows,
    cellWidth,
    cellHeight,
    left: PADDING,
    height: rows === 0 ? 0 : rows * cellHeight + (rows - 1) * GAP + 2 * PADDING,
  };
}

export function place(layout: Layout, index: number): { x: number; y: number } {
  return {
    x: layout.left + (index % layout.columns) * (layout.cellWidth + GAP),
    y: PADDING + Math.floor(index / layout.columns) * (layout.cellHeight + GAP),
  };
}

/** Indices [first, last) of the cells within the view, plus `spare` rows on either side. */
export function visible(
  layout: Layout,
  count: number,
  scroll: number,
  viewport: number,
  spare: number,
): [number, number] {
  const pitch = layout.cellHeight + GAP;
  const top = Math.floor((scroll - PADDING) / pitch) - spare;
  const bottom = Math.ceil((scroll + viewport - PADDING) / pitch) + spare;
  const first = Math.min(Math.max(0, top) * layout.columns, count);
  return [first, Math.max(first, Math.min(count, bottom * layout.columns))];
}

/** The scroll position that brings a cell into view, moving as little as possible. */
export function reveal(layout: Layout, index: number, scroll: number, viewport: number): number {
  const { y } = place(layout, index);
  if (y - PADDING < scroll) return y - PADDING;
  const end = y + layout.cellHeight + PADDING;
  return end > scroll + viewport ? end - viewport : scroll;
}

/** Where an arrow key leads. */
export function step(layout: Layout, count: number, index: number, key: string): number {
  if (count === 0) return -1;
  if (index < 0) return 0;
  const page = layout.columns * 3;
  const moves: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -layout.columns,
    ArrowDown: layout.columns,
    PageUp: -page,
    PageDown: page,
    Home: -index,
    End: count - 1 - index,
  };
  const target = index + (moves[key] ?? 0);
  if (key === "ArrowUp" && target < 0) return index;
  if (key === "ArrowDown" && target >= count) {
    // The last row may be short: down from the row above still lands in it.
    const lastRow = Math.floor((count - 1) / layout.columns);
    return Math.floor(index / layout.columns) < lastRow ? count - 1 : index;
  }
  return Math.max(0, Math.min(count - 1, target));
}
