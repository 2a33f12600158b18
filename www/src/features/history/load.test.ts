import { describe, expect, test } from "vitest";
import type { ListOptions, SessionSummary } from "@keyflow/sync";
import { newest } from "./load";

/** `size` sessions, newest first, listed by the rules of the core. */
function store(size: number) {
  const all = Array.from({ length: size }, (_, index): SessionSummary => ({
    id: `s${String(size - index).padStart(6, "0")}`,
    wpm: 60,
    accuracy: 97,
    timestamp: size - index,
    lastModified: size - index,
    deleted: false,
    version: "",
    sync: "local",
  }));
  const limits: number[] = [];
  return {
    all,
    limits,
    list: ({ limit = 100, before }: ListOptions = {}) => {
      limits.push(limit);
      const time = typeof before === "object" ? before.timestamp : (before ?? Number.POSITIVE_INFINITY);
      return Promise.resolve(all.filter((row) => row.timestamp < time).slice(0, limit));
    },
  };
}

describe("the history", () => {
  test("shows as many as asked for and knows that there are more", async () => {
    const sessions = store(60);
    const { rows, more } = await newest(sessions, 50);
    expect(rows).toEqual(sessions.all.slice(0, 50));
    expect(more).toBe(true);
  });

  test("ends exactly at its end", async () => {
    for (const size of [0, 1, 49, 50]) {
      const { rows, more } = await newest(store(size), 50);
      expect(rows).toHaveLength(size);
      expect(more).toBe(false);
    }
  });

  test("goes past one page of the core without gaps, doubles or a page too large", async () => {
    const sessions = store(2500);
    const { rows, more } = await newest(sessions, 2100);
    expect(rows.map((row) => row.id)).toEqual(sessions.all.slice(0, 2100).map((row) => row.id));
    expect(more).toBe(true);
    expect(Math.max(...sessions.limits)).toBeLessThanOrEqual(1000);
  });
});
