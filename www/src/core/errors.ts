/*! What went wrong, in words for the user. Pure; nothing technical is hidden, it only comes second. */
import { isKeyFlowError, type ErrorCode } from "./keyflow";

/** A failure explained. */
export interface Explained {
  /** What it means for the user, one sentence. */
  readonly title: string;
  /** What stays safe and what can be done. */
  readonly help: string;
  /** The program's own words, for a report. */
  readonly detail: string;
  readonly code: ErrorCode | "unknown";
}

const words: Record<ErrorCode, readonly [title: string, help: string]> = {
  invalid: ["That was not accepted.", "Nothing was changed. Please check what you entered."],
  notFound: ["That is no longer here.", "It may have been changed or removed in another tab or on another device."],
  storageFull: [
    "There is no room left on this device.",
    "Nothing that was saved before is lost. Free some space, then try again.",
  ],
  storageDamaged: [
    "What is stored on this device cannot be read.",
    "It was set aside and not overwritten. If this device was linked, your synced sessions are still on the server and on your other devices.",
  ],
  storageNewer: [
    "Your sessions were stored by a newer version of KeyFlow.",
    "They are untouched. Reload this page to get the newer version.",
  ],
  storageBlocked: [
    "Another tab holds an older version of KeyFlow open.",
    "Close all other KeyFlow tabs, then try again. Nothing is lost.",
  ],
  storageFailed: [
    "The storage of this browser did not work.",
    "Private windows and strict privacy settings can switch it off. What was saved before is not touched. Try again, or reload the page.",
  ],
  unreachable: ["The server cannot be reached.", "Everything is kept on this device and is sent later."],
  authRequired: [
    "This device is no longer linked.",
    "Everything is kept on this device. Enter a code from another device to link it again.",
  ],
  tooLarge: ["That is more than the server takes.", "It is kept on this device."],
  refused: ["The server refused this.", "Nothing on this device was changed."],
  notCached: ["This session is only on the server.", "It can be changed once it was fetched, when there is a network."],
  localOnly: ["KeyFlow runs without a server here.", "Everything is kept on this device only."],
  timeout: ["That took too long.", "It may still happen. Nothing is lost."],
  parked: ["The server did not take this change.", "It is kept here. Open the sync details to see why."],
  closed: ["The store of this tab was closed.", "Reload the page to go on."],
  sessionEnded: ["This session is over.", "Start a new one."],
  sessionRunning: ["Another session is still running.", "Finish it or close its tab, then try again."],
  notReady: [
    "KeyFlow could not be loaded.",
    "Its program did not arrive, or this browser does not allow WebAssembly. Check the connection, then try again.",
  ],
  crashed: ["KeyFlow stopped on a fault of its own.", "What was saved is safe. Reload the page to go on."],
};

export function explain(error: unknown): Explained {
  if (isKeyFlowError(error)) {
    const known = words[error.code] as readonly [string, string] | undefined;
    const detail = error.field === undefined ? error.message : `${error.field}: ${error.message}`;
    if (known) return { title: known[0], help: known[1], detail, code: error.code };
  }
  const detail = error instanceof Error ? error.message : String(error);
  return { title: "Something went wrong.", help: "What was saved before is not touched.", detail, code: "unknown" };
}
