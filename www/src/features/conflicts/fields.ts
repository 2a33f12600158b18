/*! What two versions of a record differ in, ready to be shown side by side. Pure. */
import type { Conflict } from "../../core";
import { formatNumber, formatWhen, NONE } from "../../ui/format";

export interface Difference {
  readonly field: string;
  readonly label: string;
  readonly local: string;
  readonly remote: string;
}

const labels: Readonly<Record<string, string>> = {
  wpm: "Words per minute",
  accuracy: "Accuracy",
  timestamp: "Started",
  text: "Text",
  note: "Note",
  tags: "Tags",
  excludedFromStats: "Left out of averages",
  deleted: "Deleted",
  data: "Measurements",
};

function shown(field: string, value: unknown): string {
  if (value === undefined || value === null || value === "") return NONE;
  if (field === "timestamp" && typeof value === "number") return formatWhen(value);
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value === "number") return formatNumber(value);
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.join(", ") || NONE;
  return JSON.stringify(value, null, 1);
}

/** The fields to choose between, in the order given. The time of the edit is no choice and is left out. */
export function differences({ local, remote, conflictFields }: Conflict): readonly Difference[] {
  return conflictFields
    .filter((field) => field !== "lastModified")
    .map((field) => ({
      field,
      label: labels[field] ?? field,
      local: shown(field, local[field]),
      remote: shown(field, remote[field]),
    }));
}
