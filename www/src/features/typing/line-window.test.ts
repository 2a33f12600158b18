import { describe, expect, test } from "vitest";
import { firstWindow, follow, lineStarts, type LineWindow } from "./line-window";

/** Vertical positions of words on lines of `perLine` words, from word `from` on. */
function tops(from: number, perLine: number, count = 40): number[] {
  return Array.from({ length: count }, (_, index) => (Math.floor((from + index) / perLine) - Math.floor(from / perLine)) * 46);
}

describe("lines", () => {
  test("begin where a word stands lower than the one before", () => {
    expect(lineStarts(10, [0, 0, 0, 46, 46, 92])).toEqual([10, 13, 15]);
  });

  test("do not break at differences smaller than a pixel", () => {
    expect(lineStarts(0, [0, 0.4, 0.2, 46])).toEqual([0, 3]);
  });
});

describe("the window", () => {
  test("stays as it is on the first two lines", () => {
    for (const active of [0, 4, 5, 9]) expect(follow(firstWindow, active, tops(0, 5))).toBe(firstWindow);
  });

  test("moves down one line when the third is reached", () => {
    expect(follow(firstWindow, 10, tops(0, 5))).toEqual({ from: 5, above: [0] });
  });

  test("catches up when the active word is lines ahead", () => {
    expect(follow(firstWindow, 21, tops(0, 5))).toEqual({ from: 15, above: [0, 5, 10] });
  });

  test("finds the line above again when the user goes back", () => {
    const down = follow(firstWindow, 10, tops(0, 5));
    expect(follow(down, 4, tops(5, 5))).toEqual({ from: 0, above: [] });
  });

  test("starts at the active word when the line above is not known", () => {
    const lost: LineWindow = { from: 20, above: [] };
    expect(follow(lost, 19, tops(20, 5))).toEqual({ from: 19, above: [] });
  });

  test("shows the active word on one of its first two lines through a whole text", () => {
    let window: LineWindow = firstWindow;
    for (let active = 0; active < 200; active += 1) {
      window = follow(window, active, tops(window.from, 7));
      const line = Math.floor(active / 7) - Math.floor(window.from / 7);
      expect(line === 0 || line === 1).toBe(true);
    }
  });
});
