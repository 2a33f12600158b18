/*! Why a result does not count, in words. */
import type { Metrics } from "../../core";

export const flagWords: Record<Metrics["flags"][number], string> = {
  too_short: "Very short",
  afk: "Nothing typed at the end",
  implausible: "Faster than hands type",
};
