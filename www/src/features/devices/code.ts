/*! Link codes as people copy them. Pure. */

/** How many characters a code has. */
export const CODE_LENGTH = 8;

/** What was typed or pasted, without spaces and dashes, in capitals. */
export function tidyCode(typed: string): string {
  return typed.replace(/[\s\-‐‑–—]/g, "").toUpperCase();
}

/** In two groups, easier to read aloud. */
export function groupedCode(code: string): string {
  const half = Math.ceil(code.length / 2);
  return `${code.slice(0, half)} ${code.slice(half)}`.trim();
}
