/*!
 * Numbers and times as people read them. Pure: `now` is given, the locale is the browser's unless one is named.
 */

/** Shown where there is no value to show. */
export const NONE = "–";

/** A speed or consistency: one decimal, without a trailing ".0". */
export function formatNumber(value: number | undefined | null, locale?: string): string {
  if (value === undefined || value === null || !Number.isFinite(value)) return NONE;
  return value.toLocaleString(locale, { maximumFractionDigits: 1 });
}

/** A share from 0 to 100 with its sign. */
export function formatPercent(value: number | undefined | null, locale?: string): string {
  const number = formatNumber(value, locale);
  return number === NONE ? NONE : `${number}%`;
}

/** A length of time: `8.3 s` below a minute, else `2:05` or `1:02:05`. Negative and broken values show as none. */
export function formatDuration(ms: number | undefined | null, locale?: string): string {
  if (ms === undefined || ms === null || !Number.isFinite(ms) || ms < 0) return NONE;
  const tenths = Math.round(ms / 100);
  if (tenths < 600) {
    return `${(tenths / 10).toLocaleString(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 })} s`;
  }
  return formatClock(ms);
}

/** A running clock in whole seconds, never ahead of the time: `0:07`, `2:05`, `1:02:05`. */
export function formatClock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (part: number) => String(part).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** A moment in the reader's own time zone, date and minutes. */
export function formatWhen(epochMs: number | undefined | null, locale?: string, timeZone?: string): string {
  if (epochMs === undefined || epochMs === null || !Number.isFinite(epochMs)) return NONE;
  return new Date(epochMs).toLocaleString(locale, {
    dateStyle: "medium",
    timeStyle: "short",
    ...(timeZone === undefined ? {} : { timeZone }),
  });
}

/** How far `epochMs` is from `now`, in the largest fitting unit: "in 12 seconds", "3 minutes ago". */
export function formatRelative(epochMs: number, now: number, locale?: string): string {
  const seconds = Math.round((epochMs - now) / 1000);
  const size = Math.abs(seconds);
  const words = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  if (size < 60) return words.format(seconds, "second");
  if (size < 3600) return words.format(Math.trunc(seconds / 60), "minute");
  if (size < 86400) return words.format(Math.trunc(seconds / 3600), "hour");
  return words.format(Math.trunc(seconds / 86400), "day");
}

/** `1 change`, `2 changes`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}
