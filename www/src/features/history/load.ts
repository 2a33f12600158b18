/*! Reads the newest part of the history, page by page, as far down as the user went. */
import type { KeyFlow, SessionSummary } from "../../core";

/** The most the core gives at once. */
const PAGE_MAX = 1000;

export interface HistoryPart {
  readonly rows: readonly SessionSummary[];
  readonly more: boolean;
}

/** The newest `count` sessions, and whether there are older ones. */
export async function newest(kf: Pick<KeyFlow, "list">, count: number): Promise<HistoryPart> {
  const rows: SessionSummary[] = [];
  // One more than is shown tells whether there is more.
  while (rows.length <= count) {
    const limit = Math.min(PAGE_MAX, count + 1 - rows.length);
    const before = rows.at(-1);
    const page = await kf.list(before ? { limit, before } : { limit });
    rows.push(...page);
    if (page.length < limit) break;
  }
  return { rows: rows.slice(0, count), more: rows.length > count };
}
