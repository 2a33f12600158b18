/*!
 * The one module that talks to wasm: it opens the store of this device once and tells the page how that went.
 *
 * Everything else gets KeyFlow, its types and its pure functions from here, never from the package.
 */
import init, { isKeyFlowError, KeyFlow } from "@keyflow/sync";
import type { Change, Status } from "@keyflow/sync";
import { deviceName } from "./device-name";

export { isKeyFlowError, KeyFlow };
export type {
  Change,
  Conflict,
  Device,
  Draft,
  ErrorCode,
  KeyEvent,
  LinkCode,
  Live,
  Metrics,
  Mode,
  Operation,
  Phase,
  RecordVersion,
  RoundReport,
  Session,
  SessionData,
  SessionHandle,
  SessionState,
  SessionSummary,
  Settings,
  Side,
  Status,
  Step,
  SyncState,
  WordView,
} from "@keyflow/sync";

/** How far opening the store has come. */
export type Opening =
  | { readonly state: "opening" }
  | { readonly state: "open"; readonly kf: KeyFlow }
  | { readonly state: "failed"; readonly error: unknown };

let opening: Opening = { state: "opening" };
let status: Status | undefined;
const openingListeners = new Set<() => void>();
const changeListeners = new Set<(change: Change) => void>();

function set(next: Opening): void {
  opening = next;
  for (const listener of openingListeners) listener();
}

async function open(): Promise<void> {
  try {
    await init();
    const kf = await KeyFlow.open({
      server: window.location.origin,
      deviceName: deviceName(navigator.userAgent),
    });
    status = kf.status();
    kf.subscribe((change) => {
      status = change.status;
      for (const listener of changeListeners) listener(change);
    });
    set({ state: "open", kf });
  } catch (error) {
    set({ state: "failed", error });
  }
}

let started = false;

/** Opens the store. Further calls do nothing. */
export function start(): void {
  if (started) return;
  started = true;
  void open();
}

/** Tries again after opening failed. */
export function startAgain(): void {
  if (opening.state !== "failed") return;
  set({ state: "opening" });
  void open();
}

export function currentOpening(): Opening {
  return opening;
}

export function onOpening(listener: () => void): () => void {
  openingListeners.add(listener);
  return () => openingListeners.delete(listener);
}

/** The last status told; the same object until the next change. Throws before the store is open. */
export function currentStatus(): Status {
  if (status === undefined) throw new Error("the status is read only once the store is open");
  return status;
}

/** Calls `listener` after every change of status or records, in any tab. */
export function onChange(listener: (change: Change) => void): () => void {
  changeListeners.add(listener);
  return () => changeListeners.delete(listener);
}
