import { describe, expect, test } from "vitest";
import type { Phase, Status } from "@keyflow/sync";
import { isSynced, statusWords } from "./words";

const phases: readonly Phase[] = [
  "localOnly",
  "offline",
  "idle",
  "waiting",
  "syncing",
  "stalled",
  "authRequired",
  "closed",
];

const settled: Status = {
  phase: "idle",
  online: true,
  pending: 0,
  parked: 0,
  conflicts: 0,
  damaged: 0,
  oldestPendingMs: null,
  lastSyncedAt: 1000,
  nextAttemptAt: null,
  lastError: null,
};

describe("the word synced", () => {
  test("is used when nothing waits and the last round is confirmed", () => {
    expect(isSynced(settled)).toBe(true);
    expect(statusWords(settled).label).toBe("Synced");
  });

  test("is not used while anything is pending, parked, failed, unconfirmed or in another phase", () => {
    const lastError = { code: "unreachable", message: "no answer", at: 2000 };
    const others: Status[] = [
      { ...settled, pending: 1 },
      { ...settled, parked: 1 },
      { ...settled, lastSyncedAt: null },
      { ...settled, lastError },
      ...phases.filter((phase) => phase !== "idle").map((phase) => ({ ...settled, phase })),
    ];
    for (const status of others) {
      expect(isSynced(status)).toBe(false);
      expect(statusWords(status).label).not.toMatch(/^synced/i);
      expect(statusWords(status).tone).not.toBe("good");
    }
  });
});

describe("the label", () => {
  test("tells how much waits, in every phase in which something can wait", () => {
    for (const phase of ["offline", "idle", "waiting", "syncing", "stalled", "authRequired"] as const) {
      expect(statusWords({ ...settled, phase, pending: 12 }).label).toContain("12");
    }
  });

  test("puts parked changes before everything but a lost link", () => {
    expect(statusWords({ ...settled, phase: "offline", parked: 1 }).label).toBe("1 needs attention");
    expect(statusWords({ ...settled, parked: 2 }).label).toBe("2 need attention");
    expect(statusWords({ ...settled, phase: "authRequired", parked: 2 }).label).toBe("Not linked");
  });
});
