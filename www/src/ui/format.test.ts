import { describe, expect, test } from "vitest";
import { formatClock, formatDuration, formatNumber, formatPercent, formatRelative, formatWhen, NONE } from "./format";

describe("numbers", () => {
  test("keep one decimal and drop a zero one", () => {
    expect(formatNumber(81.94, "en")).toBe("81.9");
    expect(formatNumber(82, "en")).toBe("82");
    expect(formatPercent(99.96, "en")).toBe("100%");
  });

  test("show a dash where there is no value", () => {
    for (const nothing of [undefined, null, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(formatNumber(nothing)).toBe(NONE);
      expect(formatPercent(nothing)).toBe(NONE);
      expect(formatDuration(nothing)).toBe(NONE);
    }
    expect(formatDuration(-1)).toBe(NONE);
    expect(formatWhen(undefined)).toBe(NONE);
  });
});

describe("lengths of time", () => {
  test("have tenths of a second below a minute", () => {
    expect(formatDuration(6300, "en")).toBe("6.3 s");
    expect(formatDuration(59_940, "en")).toBe("59.9 s");
  });

  test("never show sixty seconds as seconds", () => {
    expect(formatDuration(59_960, "en")).toBe("0:59");
    expect(formatDuration(60_000, "en")).toBe("1:00");
    expect(formatDuration(3_725_000, "en")).toBe("1:02:05");
  });

  test("a running clock is never ahead of the time", () => {
    expect(formatClock(1999)).toBe("0:01");
    expect(formatClock(-5)).toBe("0:00");
  });
});

describe("moments", () => {
  test("are shown in the given zone", () => {
    expect(formatWhen(0, "en-GB", "UTC")).toBe("1 Jan 1970, 00:00");
    expect(formatWhen(0, "en-GB", "Asia/Tokyo")).toBe("1 Jan 1970, 09:00");
  });

  test("are told in the largest unit that fits", () => {
    expect(formatRelative(12_000, 0, "en")).toBe("in 12 seconds");
    expect(formatRelative(0, 200_000, "en")).toBe("3 minutes ago");
    expect(formatRelative(0, 7_300_000, "en")).toBe("2 hours ago");
    expect(formatRelative(0, 90_000_000, "en")).toBe("yesterday");
  });
});
