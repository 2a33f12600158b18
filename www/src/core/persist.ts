/*! Asks the browser once not to evict what is stored here. */

let asked = false;

/** Asks for lasting storage; called after the first save, when there is something to lose. Never fails. */
export async function keepStorage(): Promise<void> {
  if (asked) return;
  asked = true;
  try {
    if (!(await navigator.storage.persisted())) await navigator.storage.persist();
  } catch {
    // Without the interface, or refused by policy, storage works all the same; the browser just may evict it.
  }
}
