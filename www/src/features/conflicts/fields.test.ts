import { expect, test } from "vitest";
import type { Conflict, Json, RecordVersion } from "@keyflow/sync";
import { NONE } from "../../ui/format";
import { differences } from "./fields";

function version(fields: Record<string, Json>): RecordVersion {
  return { id: "s1", lastModified: 1, version: "v", base: null, created: "v", deleted: false, modified: {}, ...fields };
}

function conflict(local: Record<string, Json>, remote: Record<string, Json>, conflictFields: string[]): Conflict {
  return {
    id: "session/s1~v",
    sessionId: "s1",
    kind: "session",
    local: version(local),
    remote: version(remote),
    conflictFields,
    winner: "local",
    strategy: "lastWriteWins",
    detectedAt: 1,
    resolvedBy: null,
  };
}

test("each field that differs is shown with both values", () => {
  expect(differences(conflict({ note: "home" }, { note: "work" }, ["note"]))).toEqual([
    { field: "note", label: "Note", local: "home", remote: "work" },
  ]);
});

test("the time of the edit is not offered as a choice", () => {
  const fields = differences(conflict({ note: "a" }, { note: "b" }, ["lastModified", "note"]));
  expect(fields.map(({ field }) => field)).toEqual(["note"]);
});

test("a value that one side lacks is shown as missing, and a deletion as such", () => {
  const [deleted, tags] = differences(conflict({ deleted: true }, { deleted: false, tags: ["a", "b"] }, ["deleted", "tags"]));
  expect(deleted).toMatchObject({ label: "Deleted", local: "Yes", remote: "No" });
  expect(tags).toMatchObject({ local: NONE, remote: "a, b" });
});

test("a field this version does not know is shown by its name, whatever it holds", () => {
  expect(differences(conflict({ mood: { calm: 1 } }, { mood: 2 }, ["mood"]))).toEqual([
    { field: "mood", label: "mood", local: '{\n "calm": 1\n}', remote: "2" },
  ]);
});
