/*!
 * Which words are on the page: a stretch that starts at a line's first word and is never long.
 *
 * Pure: where lines begin is measured by the caller, once per word and not per key.
 */

/** The most words rendered at once: more than three lines of the widest area. */
export const WINDOW_WORDS = 80;

/** The stretch of words shown. */
export interface LineWindow {
  /** Index of the first word shown; it begins a line. */
  readonly from: number;
  /** First words of the lines that scrolled away, oldest first, so that going back finds them again. */
  readonly above: readonly number[];
}

export const firstWindow: LineWindow = { from: 0, above: [] };

/**
 * The window for the active word `active`.
 *
 * `tops` are the vertical positions of the words shown, the first for word `from`. The active word stays on the first
 * or second line shown, so that the next line can always be read. Returns `current` itself when nothing changes.
 */
export function follow(current: LineWindow, active: number, tops: readonly number[]): LineWindow {
  if (active < current.from) {
    const above = current.above.filter((start) => start <= active);
    const from = above.at(-1) ?? active;
    return { from, above: above.slice(0, -1) };
  }
  const starts = lineStarts(current.from, tops);
  const line = starts.findLastIndex((start) => start <= active);
  if (line < 2) return current;
  const from = starts[line - 1];
  if (from === undefined) return current;
  return { from, above: [...current.above, ...starts.slice(0, line - 1)] };
}

/** The first word of each line, given the vertical positions of words from `from` on. */
export function lineStarts(from: number, tops: readonly number[]): number[] {
  const starts: number[] = [];
  let last: number | undefined;
  tops.forEach((top, index) => {
    if (last === undefined || top > last + 1) {
      starts.push(from + index);
      last = top;
    }
  });
  return starts;
}
