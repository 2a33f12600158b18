/*! The kind of an exercise, in words. Pure. */
import type { Mode } from "../../core";
import { plural } from "../../ui/format";

export function modeWords(mode: Mode | undefined): string {
  switch (mode?.kind) {
    case undefined:
      return "Session";
    case "time":
      return plural(mode.value, "second");
    case "words":
      return mode.value === undefined ? "Words" : plural(mode.value, "word");
    case "text":
      return "Passage";
    case "custom":
      return "Own text";
    default:
      // A later version may know more kinds.
      return "Session";
  }
}
