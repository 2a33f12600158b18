/*! Hands the user a file made in the page. Nothing leaves the device. */

/** Offers `content` as a file called `name`. */
export function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads the file after this task; the address must outlive it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** `value` as a JSON file. */
export function jsonFile(value: unknown): Blob {
  return new Blob([JSON.stringify(value, null, 2)], { type: "application/json" });
}
