/*!
 * The state of the sync in words. Pure.
 *
 * Rules kept here: "synced" only when nothing waits, nothing is parked and the last round is confirmed; nothing sent
 * is called saved, and nothing saved here is called sent.
 */
import type { Status } from "../../core";
import type { Tone } from "../../ui/Chip";

export interface StatusWords {
  readonly label: string;
  readonly tone: Tone;
  /** One sentence more. */
  readonly explanation: string;
}

/** Whether the server is known to have everything this device has, and this device what the server had. */
export function isSynced(status: Status): boolean {
  return (
    status.phase === "idle" &&
    status.pending === 0 &&
    status.parked === 0 &&
    status.lastSyncedAt !== null &&
    status.lastError === null
  );
}

const safe = "Everything is saved on this device.";

export function statusWords(status: Status): StatusWords {
  const { phase, pending, parked } = status;
  const waiting = pending > 0 ? `${pending.toLocaleString()} waiting` : undefined;
  const and = (first: string) => (waiting ? `${first}, ${waiting}` : first);
  if (phase === "authRequired") {
    return {
      label: and("Not linked"),
      tone: "wrong",
      explanation: `This device is no longer linked to an account. ${safe} Enter a code under Devices to link it again.`,
    };
  }
  if (parked > 0) {
    return {
      label: `${parked.toLocaleString()} ${parked === 1 ? "needs" : "need"} attention`,
      tone: "wrong",
      explanation: `The server did not take everything. ${safe} See below what can be done.`,
    };
  }
  switch (phase) {
    case "localOnly":
      return { label: "On this device only", tone: "calm", explanation: `There is no server. ${safe}` };
    case "closed":
      return { label: "Closed", tone: "warn", explanation: "This tab has let go of its storage. Reload it to go on." };
    case "offline":
      return { label: and("Offline"), tone: "calm", explanation: `${safe} It is sent when the network is back.` };
    case "stalled":
      return {
        label: and("Server not reached"),
        tone: "warn",
        explanation: `${safe} The last attempts to sync failed; the next one comes by itself.`,
      };
    case "syncing":
      return {
        label: pending > 0 ? `Sending ${pending.toLocaleString()}` : "Checking for changes",
        tone: "busy",
        explanation: safe,
      };
    case "waiting":
      return { label: waiting ?? "Sync is due", tone: "calm", explanation: `${safe} The next sync is due soon.` };
    case "idle":
      if (isSynced(status)) {
        return { label: "Synced", tone: "good", explanation: "The server has everything this device has." };
      }
      return { label: waiting ?? "Not synced yet", tone: "calm", explanation: safe };
  }
}
