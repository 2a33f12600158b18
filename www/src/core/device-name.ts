/*! What this device is called in the list of devices until its user names it. Pure. */

const browsers: readonly (readonly [pattern: RegExp, name: string])[] = [
  // Every one of these also claims to be those below it.
  [/\bEdg(e|A|iOS)?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\b(Firefox|FxiOS)\//, "Firefox"],
  [/(Chrome|CriOS|Chromium)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];

const systems: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\bAndroid\b/, "Android"],
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b/, "Mac"],
  [/\bLinux\b/, "Linux"],
];

/** Such as `Firefox on Linux`; `A browser` for one that tells nothing. */
export function deviceName(userAgent: string): string {
  const first = (known: typeof browsers) => known.find(([pattern]) => pattern.test(userAgent))?.[1];
  const browser = first(browsers) ?? "A browser";
  const system = first(systems);
  return system === undefined ? browser : `${browser} on ${system}`;
}
