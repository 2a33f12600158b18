/*! Marks the moment from which a key press is accepted, for measurements and end-to-end tests. */

/** Sets the mark once; later calls do nothing. */
export function markReady(): void {
  if (document.documentElement.dataset["ready"] === "true") return;
  document.documentElement.dataset["ready"] = "true";
  performance.mark("keyflow-ready");
}
