/** Which rows of a grid are on the screen: cells of one size, as many in a row as fit. */
export interface GridLayout {
  columns: number;
  rows: number;
  /** Of a cell with its gap, in CSS pixels. */
  cellWidth: number;
  cellHeight: number;
  height: number;
}

const GAP = 10;
const CAPTION = 40;

export function layout(total: number, width: number, wanted: number): GridLayout {
  const columns = Math.max(1, Math.floor((width + GAP) / (wanted + GAP)));
  const cellWidth = (width + GAP) / columns;
  const cellHeight = Math.round((cellWidth - GAP) * 0.72) + CAPTION + GAP;
  const rows = Math.ceil(total / columns);
  return { columns, rows, cellWidth, cellHeight, height: rows * cellHeight };
}

/** The cells from `first` up to `last` (exclusive) that are on the screen, with two rows more at each side. */
export function visible(
  grid: GridLayout,
  total: number,
  top: number,
  height: number,
  more = 2,
): { first: number; last: number } {
  const firstRow = Math.max(0, Math.floor(top / grid.cellHeight) - more);
  const lastRow = Math.min(grid.rows, Math.ceil((top + height) / grid.cellHeight) + more);
  return { first: Math.min(firstRow * grid.columns, total), last: Math.min(lastRow * grid.columns, total) };
}

/** The cell that an arrow key moves to. */
export function moved(cell: number, key: string, columns: number, total: number, page: number): number | null {
  const to = {
    ArrowLeft: cell - 1,
    ArrowRight: cell + 1,
    ArrowUp: cell - columns,
    ArrowDown: cell + columns,
    PageUp: cell - page,
    PageDown: cell + page,
    Home: 0,
    End: total - 1,
  }[key];
  return to === undefined ? null : Math.min(Math.max(to, 0), total - 1);
}
