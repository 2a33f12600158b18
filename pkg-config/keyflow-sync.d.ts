/**
 * KeyFlow sync: typing sessions saved on the device at once, queued, and synced when there is a network.
 *
 * Times are whole epoch milliseconds and spans are milliseconds unless a name says otherwise. The only other clock is
 * that of a {@link KeyEvent}: milliseconds of one monotonic clock, as `event.timeStamp` or `performance.now()` give.
 *
 * Whatever fails, fails with a {@link KeyFlowError}: asynchronous calls reject with one, synchronous calls throw one.
 *
 * @packageDocumentation
 */

// ---------------------------------------------------------------------------------------------------------- starting

/** Where the compiled core comes from, when not from beside this module. */
export type ModuleSource = string | URL | Request | Response | BufferSource | WebAssembly.Module;

/**
 * Loads the core. Call it once and wait for it before anything else; further calls return the same promise.
 *
 * @param source Where `core_bg.wasm` is; by default it is found beside this module. The Node.js and inline entries
 * bring it along and need none.
 * Rejects with code `notReady` when the module cannot be fetched or compiled; a later call then tries again.
 */
export default function init(source?: { module_or_path: ModuleSource | Promise<ModuleSource> }): Promise<void>;

/** What a store is kept in. `auto` picks what the platform has; in Node.js that is `memory`, which nothing outlives. */
export type StorageKind = "auto" | "indexeddb" | "tauri" | "memory";

/** How two concurrent edits of one record become one. The loser is kept in the conflict inbox, whatever is chosen. */
export type Strategy = "lastWriteWins" | "fieldLevel" | "manual";

/** What {@link KeyFlow.open} takes. All of it is optional. */
export interface OpenOptions {
  /** The store's name: one store, and one queue, for each name. Default `"keyflow"`. */
  name?: string;
  /** Default `"auto"`. */
  storage?: StorageKind;
  /** Origin of the server, such as `https://keyflow.example`; empty for the page's own. Absent: nothing leaves the device. */
  server?: string;
  /** A token of this device. Absent: the device registers itself at the first sync, and its token is kept. */
  token?: string;
  /** What this device is called in the list of devices. Taken when it registers. */
  deviceName?: string;
  /** Default `"lastWriteWins"`. */
  strategy?: Strategy;
  /** Numbers that differ from their defaults. */
  options?: Partial<Options>;
}

/**
 * Every number about time and bounds. Each must be a whole number, 0 or more, unless it says otherwise; a span is at most
 * 400 days.
 */
export interface Options {
  /** Quiet time between the last queued edit and a round, ms. Default 500. */
  debounceMs: number;
  /** How long a network must be back before a round starts, ms. Default 2000. */
  settleMs: number;
  /** Least time between the starts of two rounds, ms. Default 5000. */
  roundGapMs: number;
  /** Operations in one push, at least 1. Default 10. */
  batchSize: number;
  /** Bytes of records in one push, at least 1. Default 1 MiB. */
  batchBytes: number;
  /** Records in one page of a pull, at least 1. Default 200. */
  pullLimit: number;
  /** From one look for remote changes to the next while idle, ms, at least 1. Default 60000. */
  pollMs: number;
  /** How long an edit may wait while the server answers before the status says `stalled`, ms. Default 120000. */
  stalledMs: number;
  /** Wait after the first failure, ms; doubled with every further one. Default 2000. */
  backoffFirstMs: number;
  /** Longest wait after a failure, ms; also how often a device that believes to be offline probes. Default 60000. */
  backoffMaxMs: number;
  /** Share by which a wait is spread to either side, 0 to 1. Default 0.25. */
  backoffSpread: number;
  /** A request without an answer is given up after this, ms, at least 1. Default 15000. */
  requestTimeoutMs: number;
  /** Operations in the queue; further edits wait in the store and move up. At least 1. Default 1000. */
  queueMax: number;
  /** Operations that keep failing are no longer retried after this, ms; they stay visible as parked. Default 30 days. */
  failedExpireMs: number;
  /** Newest sessions that are kept whole on the device when there is a server. Default 100. */
  cacheSessions: number;
}

// ------------------------------------------------------------------------------------------------------------ errors

/** What a {@link KeyFlowError} is about; stable, to switch on. */
export type ErrorCode =
  /** The input is wrong, `field` says where. Nothing was changed. */
  | "invalid"
  /** There is no such record, operation, conflict, device or draft. */
  | "notFound"
  /** There is no room left on this device. Nothing of the call was stored. */
  | "storageFull"
  /** What is stored cannot be read as ours. It was set aside, never opened as empty. */
  | "storageDamaged"
  /** Stored by a newer version of this software, and left untouched. */
  | "storageNewer"
  /** Another tab holds an old version of the store open. */
  | "storageBlocked"
  /** The storage broke, or is not there on this platform; trying again may help. */
  | "storageFailed"
  /** No usable answer from the server: network, time-out, or a fault of the server. */
  | "unreachable"
  /** The token is missing, wrong or revoked. */
  | "authRequired"
  /** More than the server takes in one piece. */
  | "tooLarge"
  /** The server refused for good. */
  | "refused"
  /** The session is only on the server: get it first. */
  | "notCached"
  /** This store was opened without a server. */
  | "localOnly"
  /** What was waited for did not happen in time. It may still happen. */
  | "timeout"
  /** The operation waited for is parked; {@link KeyFlow.operations} says why. */
  | "parked"
  /** This store was closed. */
  | "closed"
  /** The session is over and takes no more. */
  | "sessionEnded"
  /** That session has a handle in this tab already. */
  | "sessionRunning"
  /** {@link init} has not finished, or failed. */
  | "notReady"
  /** The core stopped on a fault of its own. What was saved is safe; load the page anew. Every later call gives this. */
  | "crashed";

/** What every call of this package throws or rejects with. */
export interface KeyFlowError extends Error {
  readonly name: "KeyFlowError";
  /** What it is about; stable. The message is for people and may change. */
  readonly code: ErrorCode;
  /** For `invalid`: path of the field, such as `options.batchSize` or `events[3].t`. */
  readonly field?: string;
}

/** Whether `error` is one of this package. */
export function isKeyFlowError(error: unknown): error is KeyFlowError;

// ---------------------------------------------------------------------------------------------------------- sessions

/** Anything JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/**
 * How far a record has come:
 * `local` saved here and bound for no server; `queued` waiting for a round; `sending` on its way;
 * `synced` confirmed by the server; `parked` refused or given up, see {@link KeyFlow.operations};
 * `conflict` waiting for the user's choice.
 */
export type SyncState = "local" | "queued" | "sending" | "synced" | "parked" | "conflict";

/** The kind of test and its size. */
export type Mode =
  /** As much as possible in `value` seconds, at most a day. */
  | { readonly kind: "time"; readonly value: number }
  /** A list of `value` words. */
  | { readonly kind: "words"; readonly value?: number }
  /** A given text or quote, or a text of the user's own. */
  | { readonly kind: "text" | "custom"; readonly value?: number };

/** Why a session ended. */
export type EndReason = "completed" | "timeout" | "user";

/** Why a session is stored and listed, but left out of averages and bests. */
export type Flag = "too_short" | "afk" | "implausible";

/** What a list shows beside that, where the session has it. */
export interface ListFacts {
  readonly mode?: Mode;
  readonly language?: string;
  /** Active time, ms. */
  readonly durationMs?: number;
  readonly consistency?: number;
  readonly flags?: readonly Flag[];
  /** Whether it has no flag. */
  readonly valid?: boolean;
}

/** What a list shows of a session. Stays on the device also when the whole session does not. */
export interface SessionSummary extends SessionFacts, ListFacts {}

/** What every session has. */
export interface SessionFacts {
  /** Made on the device; never reused. */
  readonly id: string;
  /** Net words a minute. */
  readonly wpm: number;
  /** Percent, 0 to 100. */
  readonly accuracy: number;
  /** When it started, epoch ms. */
  readonly timestamp: number;
  /** When it was last edited, epoch ms. */
  readonly lastModified: number;
  /** Removed; its fields stay for a restore. Lists leave such sessions out. */
  readonly deleted: boolean;
  readonly tags?: readonly string[];
  /** In a list cut to 80 characters. */
  readonly note?: string;
  /** The user does not want it to count. */
  readonly excludedFromStats?: boolean;
  /** Stamp of the last edit: 34 characters that sort like time. */
  readonly version: string;
  readonly sync: SyncState;
}

/** One typing session, whole. */
export interface Session extends SessionFacts {
  /** The user it belongs to; absent while the device is not registered. */
  readonly userId?: string;
  /** The text that was to be typed; `sha256:` and its hash for a text of the user's own that was not to be shared. */
  readonly text: string;
  /** What was measured. */
  readonly data: SessionData;
  /** The version of the server that its last edit was made on; `null` when the server has had none. */
  readonly base: string | null;
}

/** What was measured. Sessions of other clients may have less, or fields of their own; those are kept. */
export interface SessionData {
  /** Version of this form. */
  readonly schema?: number;
  /** Name of the rules the numbers follow; `"KF-1"` for sessions typed here. */
  readonly profile?: string;
  /** The device it was typed on. */
  readonly deviceId?: string;
  readonly mode?: Mode;
  /** Where the text is from, and what tells it from others. */
  readonly text?: {
    readonly kind: string;
    readonly sourceId: string | null;
    readonly textId: string | null;
    readonly language: string;
    readonly lengthGraphemes: number;
    readonly sha256: string;
  };
  /** Name of the keyboard layout, as the caller named it. */
  readonly layout?: string;
  readonly inputKind?: InputKind;
  /** How the attempt was set up. */
  readonly options?: { readonly [name: string]: Json };
  /** Offset of the user's local time from UTC when it started, minutes; positive east of Greenwich. */
  readonly tzOffsetMin?: number;
  readonly endReason?: EndReason;
  /** Active time, ms. */
  readonly durationMs?: number;
  /** Time spent in pauses, ms. */
  readonly pausedMs?: number;
  readonly metrics?: {
    readonly wpm: number;
    readonly rawWpm: number;
    readonly accuracy: number;
    readonly consistency: number;
  };
  readonly keystrokes?: Metrics["keystrokes"];
  readonly chars?: Metrics["chars"];
  readonly errors?: Metrics["errors"];
  readonly afkSeconds?: number;
  readonly perSecond?: Omit<Metrics["perSecond"], "boundariesMs">;
  readonly keys?: Metrics["keys"];
  readonly flags?: readonly Flag[];
  /** Whether it has no flag. */
  readonly valid?: boolean;
  readonly [field: string]: unknown;
}

/** How one grapheme of the text went. */
export interface KeyStat {
  /** Times it was expected and typed. */
  readonly hit: number;
  /** Times it was expected and something else was typed. */
  readonly miss: number;
  /** Active ms from the key before, summed over `n` hits. */
  readonly ms: number;
  /** Hits timed; corrections are not. */
  readonly n: number;
}

/** What keys were typed on. Touch results are kept apart from those of a keyboard. */
export type InputKind = "hardware" | "touch";

/** Where a text is from. */
export interface TextSource {
  /** Such as `words`, `quote` or `custom`. */
  readonly kind: string;
  /** Name of the list or collection. */
  readonly sourceId?: string;
  /** Which text of it. */
  readonly textId?: string;
  /** Whether a text of the user's own is stored itself, and not only its hash. Default `false`. */
  readonly shareCustomText?: boolean;
}

/**
 * A session to save; an `id` is made when there is none. Fields not named here are kept and travel with it; the whole
 * must be JSON of at most 64 KiB.
 */
export interface NewSession {
  /** Saving an id that exists replaces that session, and restores one that was removed. At most 128 bytes. */
  id?: string;
  /** When it started, whole epoch ms. */
  timestamp: number;
  text: string;
  /** 0 or more. */
  wpm: number;
  /** Percent, 0 to 100. */
  accuracy: number;
  data?: SessionData;
  tags?: readonly string[];
  note?: string;
  excludedFromStats?: boolean;
  [field: string]: unknown;
}

/** Fields to change: those named are replaced, `null` removes one, all others stay. */
export interface SessionPatch {
  timestamp?: number;
  text?: string | null;
  wpm?: number | null;
  accuracy?: number | null;
  data?: SessionData | null;
  tags?: readonly string[] | null;
  note?: string | null;
  excludedFromStats?: boolean | null;
  /** `false` restores a removed session. */
  deleted?: false;
  [field: string]: unknown;
}

/** Which part of the history to list. */
export interface ListOptions {
  /** At most so many; 1 to 1000. Default 100. */
  limit?: number;
  /** Only sessions that started before this: a time in epoch ms, or the last entry of the page before. */
  before?: number | Pick<SessionSummary, "timestamp" | "id">;
}

// ------------------------------------------------------------------------------------------------------------ typing

/** One key, pause or end. `t` is in ms of one monotonic clock: `event.timeStamp` or `performance.now()`. */
export type KeyEvent =
  /** Text arrived: a key, or several characters at once from an input method or a swipe keyboard. */
  | { readonly t: number; readonly op: "insert"; readonly text: string }
  /** Delete one character, or one word, backwards. */
  | { readonly t: number; readonly op: "backspace" | "deleteWord" }
  /** Something was pasted. It is counted and never accepted. */
  | { readonly t: number; readonly op: "paste"; readonly text?: string }
  /** An input method began composing. */
  | { readonly t: number; readonly op: "composeStart" }
  /** The clock stops; the clock goes on. */
  | { readonly t: number; readonly op: "pause" | "resume" }
  | { readonly t: number; readonly op: "end"; readonly reason: EndReason };

/** What {@link KeyFlow.startSession} takes. */
export interface StartOptions {
  /** The text to be typed; must hold something other than spaces. */
  text: string;
  mode: Mode;
  /** The language of the text, such as `"en"`. Default: empty. */
  language?: string;
  layout?: string;
  /** Default `"hardware"`. */
  inputKind?: InputKind;
  /** Default: the kind of the mode. */
  source?: TextSource;
  /** How the attempt is set up, stored with it: `punctuation`, `numbers`, `stopOnError` and the like. */
  options?: { readonly [name: string]: Json };
  tags?: readonly string[];
}

/** What one event did. */
export interface Step {
  /** Characters or deletes that counted. */
  readonly accepted: number;
  /** Characters, deletes or pastes without effect. */
  readonly rejected: number;
  /** Whether something was accepted and all of it was expected. True for an accepted delete. */
  readonly correct: boolean;
  /** Index of the word the caret is in now. */
  readonly word: number;
  /** Characters before the caret in that word. */
  readonly caret: number;
  /** Whether the session is over: call {@link SessionHandle.end} to save it. */
  readonly finished: boolean;
}

/** The numbers shown while typing. Rates are not rounded and never NaN. */
export interface Live {
  /** Net words a minute, the correct beginning of the current word included. */
  readonly wpm: number;
  /** Words a minute over everything typed. */
  readonly rawWpm: number;
  /** Percent of correct key presses; 0 before the first. */
  readonly accuracy: number;
  /** Active ms. */
  readonly elapsedMs: number;
  /** Active ms left; `null` unless it is a time test. */
  readonly remainingMs: number | null;
  /** 0 to 1: of the limit in a time test, of the text otherwise. */
  readonly progress: number;
  /** Words after the current one, to know when a time test needs more. */
  readonly wordsLeft: number;
  /** Whether the clock stands still. */
  readonly paused: boolean;
}

/** One word as it should be and as it was typed, by user-perceived character. */
export interface WordView {
  /** What should be there. */
  readonly target: readonly string[];
  /** What is there; `null` for a word not reached yet. May be longer than `target`. */
  readonly typed: readonly string[] | null;
  /** For each entry of `typed`, whether it is what should be there. */
  readonly correct: readonly boolean[];
}

/**
 * `ready` before the first key, `running`, `paused`, `finished` when over and not saved yet, `ended` when saved,
 * `cancelled` when thrown away.
 */
export type SessionState = "ready" | "running" | "paused" | "finished" | "ended" | "cancelled";

/** A session being typed. Its synchronous calls touch neither disk nor network. */
export interface SessionHandle {
  /** The id the saved session will have. */
  readonly id: string;
  readonly state: SessionState;
  /** The text, with everything appended so far, in Unicode normal form C. */
  readonly text: string;
  /**
   * Takes one event. Keys that have no effect are counted as rejected and are no error.
   * Throws `invalid` (field `t`, `op`, `text` or `reason`; nothing was changed) or `sessionEnded`.
   */
  input(event: KeyEvent): Step;
  /**
   * Stops the clock at `t` (default: now), such as the time of the last key. Does nothing when it stands still or is over.
   * Throws `invalid` (field `t`) or `sessionEnded`.
   */
  pause(t?: number): void;
  /** Lets the clock go on at `t` (default: now). Does nothing when it runs or is over. Throws like {@link pause}. */
  resume(t?: number): void;
  /** The numbers at `t` (default: now). Constant time: fit to be called many times a second. */
  live(t?: number): Live;
  /** Words from index `from` up to and without `to`; fewer when the text has fewer. */
  words(from: number, to: number): WordView[];
  /** Adds words to a running time test. Throws `invalid` for any other mode, or when there is no word in it. */
  append(text: string): void;
  /** Every number of the session so far, as if it were over. */
  metrics(): Metrics;
  /** Everything typed so far, to be measured or shown again. */
  events(): KeyEvent[];
  /**
   * Saves the session so far, so that {@link KeyFlow.resumeSession} can go on with it after a crash. Call it every
   * few seconds and when the page is hidden; never for each key.
   */
  checkpoint(): Promise<void>;
  /**
   * Ends the session at `t` (default: now) unless it is over already, and saves it. Resolves with the stored session
   * once it is safe on this device and queued; never waits for the network. When it rejects, with a code that begins
   * with `storage`, the session is still in this handle: call it again. Once saved, it gives the same session again.
   */
  end(t?: number): Promise<Session>;
  /**
   * Throws the session away, its checkpoint included. The time from its first to its last key still counts as practice.
   * Does nothing once it is saved.
   */
  cancel(): Promise<void>;
}

/** A session that was running when its page went away. */
export interface Draft {
  readonly id: string;
  readonly text: string;
  readonly mode: Mode;
  readonly language: string;
  /** When it started, epoch ms. */
  readonly startedAt: number;
  /** When its last checkpoint was saved, epoch ms. */
  readonly savedAt: number;
}

// ------------------------------------------------------------------------------------------------------------ status

/**
 * What the sync is doing: `localOnly` no server; `offline` no network, edits are queued; `idle` nothing to do;
 * `waiting` a round is due at `nextAttemptAt`; `syncing` a round runs; `stalled` the last rounds failed, the next is
 * due at `nextAttemptAt`; `authRequired` a token is needed; `closed`.
 */
export type Phase =
  | "localOnly"
  | "offline"
  | "idle"
  | "waiting"
  | "syncing"
  | "stalled"
  | "authRequired"
  | "closed";

/** The state of the sync, of all tabs of this store together. */
export interface Status {
  readonly phase: Phase;
  /** Whether the platform believes there is a network. A hint: only `lastSyncedAt` proves one. */
  readonly online: boolean;
  /** Edits that the server has not confirmed, parked ones not counted. */
  readonly pending: number;
  /** Operations that were refused or given up. */
  readonly parked: number;
  /** Conflicts waiting for a choice. */
  readonly conflicts: number;
  /** Stored rows that could not be read. They are kept aside as they were; everything else is used. */
  readonly damaged: number;
  /** Age of the oldest pending edit, ms; `null` without one. */
  readonly oldestPendingMs: number | null;
  /** End of the last round that succeeded, epoch ms. */
  readonly lastSyncedAt: number | null;
  /** When the next round is due, epoch ms. */
  readonly nextAttemptAt: number | null;
  /** The last failure; `null` again after a round that succeeded. */
  readonly lastError: {
    /** An {@link ErrorCode}, or a code of the server. */
    readonly code: string;
    readonly message: string;
    /** Epoch ms. */
    readonly at: number;
  } | null;
}

/** What a listener of {@link KeyFlow.subscribe} is told. */
export interface Change {
  readonly status: Status;
  /** Ids of records whose content or {@link SyncState} changed; `"settings"` for the settings. May be empty. */
  readonly records: readonly string[];
}

/** What one round did. */
export interface RoundReport {
  /** Operations the server confirmed. */
  readonly pushed: number;
  /** Records taken from the server. */
  readonly pulled: number;
  /** Conflicts met. */
  readonly conflicts: number;
  /** Operations that were not confirmed. */
  readonly failed: number;
}

/** One queued edit. */
export interface Operation {
  /** A UUIDv7, made once and never reused. */
  readonly id: string;
  readonly type: "sync_session" | "sync_progress" | "sync_settings";
  /** The record as it is to be sent. */
  readonly data: { readonly [field: string]: Json };
  /** When it was queued, epoch ms. */
  readonly timestamp: number;
  /** Sends that failed. */
  readonly attempts: number;
  /** `failed` means parked: it is not retried by itself. */
  readonly status: "pending" | "in_progress" | "failed" | "completed";
  /** What went wrong last. */
  readonly error: string | null;
  /** Which record it edits. */
  readonly recordId: string;
  /** The stamp of the edit. */
  readonly version: string;
  /** Why it is parked: a code of the server, `tooLarge`, `expired` or `storageDamaged`. `null` while nothing failed. */
  readonly parkedReason: string | null;
}

/** One version of a record, as it stands in a {@link Conflict}. */
export interface RecordVersion {
  readonly id: string;
  /** Epoch ms. */
  readonly lastModified: number;
  readonly version: string;
  readonly base: string | null;
  readonly created: string;
  readonly deleted: boolean;
  /** The stamp of each field edited after creation. */
  readonly modified: { readonly [field: string]: string };
  readonly [field: string]: Json;
}

/** Which side of a conflict a field is taken from. */
export type Side = "local" | "remote";

/** Two concurrent versions of one record, both whole. */
export interface Conflict {
  readonly id: string;
  /** Id of the record. */
  readonly sessionId: string;
  readonly kind: "session" | "progress" | "settings";
  /** The version that arrived at the server. */
  readonly local: RecordVersion;
  /** The version that was stored there. */
  readonly remote: RecordVersion;
  /** Which fields differ, sorted. */
  readonly conflictFields: readonly string[];
  /** Which one is current. */
  readonly winner: "local" | "remote" | "merged";
  readonly strategy: Strategy;
  /** Server time, epoch ms. */
  readonly detectedAt: number;
  /** The version that settled it; `null` while it waits for a choice. */
  readonly resolvedBy: string | null;
}

/** One line of the history of a record. */
export interface TimelineEntry {
  /** Epoch ms of the clock it was written by. */
  readonly at: number;
  /** Who wrote it. */
  readonly source: "device" | "server";
  /** Id of the operation that this line, and the line of the other side, is about. */
  readonly op: string | null;
  /** Id of the device that made the edit; `null` where it is not known. */
  readonly device: string | null;
  /** Such as `queued`, `applied`, `duplicate`, `merged`, `conflict`, `rejected` or `parked`. */
  readonly outcome: string;
  readonly detail: string | null;
}

// ----------------------------------------------------------------------------------------- totals, settings, account

/** Totals over all sessions, and over practice that left none. */
export interface Progress {
  /** Mean of the wpm of sessions that count, two decimals; 0 without any. */
  readonly averageWPM: number;
  /** How many sessions count. */
  readonly totalSessions: number;
  /** Practice time over all devices, of cancelled sessions too, ms. */
  readonly practiceMs: number;
  /** Practice time of each of the user's local days (`YYYY-MM-DD`), ms. Only days known on this device. */
  readonly practiceByDay: { readonly [day: string]: number };
  /** Epoch ms of the last change. */
  readonly lastModified: number;
}

/** The user's settings, merged key by key between devices. */
export interface Settings {
  readonly [key: string]: Json;
}

/** A device of the user. */
export interface Device {
  readonly id: string;
  readonly name: string | null;
  /** Epoch ms. */
  readonly createdAt: number;
  /** Epoch ms; `null` when it never came back. */
  readonly lastSeenAt: number | null;
  /** Whether it is this one. */
  readonly current: boolean;
}

/** Invites another device. */
export interface LinkCode {
  /** 8 characters, good for one use. */
  readonly code: string;
  /** Epoch ms. */
  readonly expiresAt: number;
}

/** What to do with edits that the server has not confirmed, when signing out. */
export type PendingChoice = "keep" | "export" | "discard";

/** What an import did. Importing the same again changes nothing. */
export interface ImportReport {
  /** Records the server had that were not here, or differed. */
  readonly imported: number;
  /** Those that were here already. */
  readonly unchanged: number;
  /** Edits no server had, taken over. */
  readonly operations: number;
  /** Conflicts taken over. */
  readonly conflicts: number;
}

// ------------------------------------------------------------------------------------------------------------- store

/** A store of typing sessions on this device, and its sync. */
export class KeyFlow {
  private constructor();

  /**
   * Opens the store, making it if need be. Never waits for the network; the sync starts by itself.
   * Rejects with `invalid` or a code that begins with `storage`.
   */
  static open(options?: OpenOptions): Promise<KeyFlow>;

  /** Starts a session. Nothing is stored before its first checkpoint or its end. Throws `invalid`, `closed`. */
  startSession(options: StartOptions): SessionHandle;
  /**
   * Sessions that were running when their page went away, the newest checkpoint first; never one that has a handle here.
   * One that still runs in another tab is among them: its `savedAt` is fresh.
   */
  resumable(): Promise<Draft[]>;
  /** Goes on with one of them, paused. Rejects with `notFound`, `sessionRunning`. */
  resumeSession(id: string): Promise<SessionHandle>;

  /** Saves a session. Resolves once it is safe on this device and queued. Rejects with `invalid`, `storage…`. */
  save(session: NewSession): Promise<Session>;
  /** Changes fields of a session; resolves like {@link save}. Rejects with `notFound` too. */
  update(id: string, patch: SessionPatch): Promise<Session>;
  /**
   * Removes a session on all devices; resolves like {@link save}. Removing it again does nothing. Rejects with
   * `notFound` too.
   */
  remove(id: string): Promise<void>;
  /**
   * One session, removed ones included; `null` when there is none. One whose body is only on the server is fetched:
   * rejects with `unreachable` when that fails.
   */
  get(id: string): Promise<Session | null>;
  /** Sessions, the newest start first, without removed ones. Never waits for the network. */
  list(options?: ListOptions): Promise<SessionSummary[]>;

  /**
   * Waits until the server has confirmed every edit of this session. Rejects with `timeout` after `timeoutMs`
   * (default: waits for ever), `parked`, `notFound`, `localOnly`, `closed`.
   */
  whenSynced(id: string, options?: { timeoutMs?: number }): Promise<void>;
  /**
   * One round that begins after this call: pushes the queue, then pulls. Rejects with `unreachable`,
   * `authRequired`, `refused`, `localOnly`, `closed`, `storage…`.
   */
  sync(): Promise<RoundReport>;
  /** The state of the sync, at once. */
  status(): Status;
  /** Calls `listener` after every change, made in any tab, until the returned function is called. Not called at once. */
  subscribe(listener: (change: Change) => void): () => void;

  /** The queue, oldest first, parked operations included. */
  operations(): Promise<Operation[]>;
  /** Queues a parked operation again, or all of them. Resolves with how many there were. Rejects with `notFound`. */
  retry(opId?: string): Promise<number>;
  /** Gives an edit up: the record goes back to what the server has. The edit is lost. Rejects with `notFound`. */
  discard(opId: string): Promise<void>;

  /** Conflicts waiting for a choice, the newest first. */
  conflicts(): Promise<Conflict[]>;
  /**
   * Settles a conflict with an edit. Resolves once that is safe on this device and queued. Rejects with `notFound`.
   *
   * @param fields For `merge`: which side each field is taken from; fields not named keep their current value.
   */
  resolve(conflictId: string, choice: Side | "merge", fields?: { readonly [field: string]: Side }): Promise<void>;
  /** What happened to a record, on this device and, when it can be reached, on the server; oldest first. */
  timeline(id: string): Promise<TimelineEntry[]>;

  /** Totals over all sessions known here. */
  progress(): Promise<Progress>;
  settings(): Promise<Settings>;
  /** Changes settings: keys named are replaced, `null` removes one. Resolves like {@link save}, with all settings. */
  setSettings(patch: { readonly [key: string]: Json }): Promise<Settings>;

  /** A code that joins another device to this user. Rejects with `unreachable`, `authRequired`, `localOnly`. */
  linkCode(): Promise<LinkCode>;
  /** Joins this device to the user who made `code`. Local sessions are kept and pushed there. Rejects with `refused`. */
  link(code: string): Promise<void>;
  devices(): Promise<Device[]>;
  /** Shuts a device out: its next request is refused. */
  revoke(deviceId: string): Promise<void>;
  /** Uses another token from now on, and tries at once. */
  setToken(token: string): Promise<void>;
  /**
   * Forgets the token. `keep` leaves everything for the next sign-in; `export` resolves with all of it and then clears
   * the device; `discard` clears it. Resolves with `null` unless `export` was asked for.
   */
  signOut(options: { pending: PendingChoice }): Promise<Blob | null>;

  /** Everything of this store as JSON: records, queue and conflicts. Fetches bodies that are only on the server. */
  exportAll(): Promise<Blob>;
  /** Takes over what {@link exportAll} gave, all or nothing; nothing here is lost. Rejects with `invalid`. */
  importAll(blob: Blob | string): Promise<ImportReport>;

  /** Stops the sync and lets go of the storage; what is queued stays. Every later call gives `closed`. */
  close(): Promise<void>;
}

// ----------------------------------------------------------------------------------------------------------- metrics

/** A log of keys and what was to be typed. */
export interface MeasureInput {
  target: string;
  mode: Mode;
  /** Default: empty. */
  language?: string;
  /** At times that do not fall; one that does counts as the one before. */
  events: readonly KeyEvent[];
}

/** Every number of a session. Rates and shares have two decimals. */
export interface Metrics {
  readonly endReason: EndReason;
  /** Active time, ms. */
  readonly durationMs: number;
  readonly pausedMs: number;
  /** Net words a minute: only characters of correct words. A word is five characters. */
  readonly wpm: number;
  /** Words a minute over everything typed. */
  readonly rawWpm: number;
  /** Characters a minute over everything typed. */
  readonly cpm: number;
  /** Percent of key presses that were correct; corrected errors stay errors. */
  readonly accuracy: number;
  /** Evenness of speed, 0 to 100. */
  readonly consistency: number;
  readonly keystrokes: {
    readonly total: number;
    readonly correct: number;
    readonly incorrect: number;
    /** Accepted deletes; no part of `total`. */
    readonly deletes: number;
    /** Keys without effect. */
    readonly rejected: number;
  };
  readonly chars: {
    readonly netChars: number;
    readonly rawChars: number;
    readonly correct: number;
    readonly incorrect: number;
    readonly extra: number;
    readonly missed: number;
  };
  readonly errors: {
    readonly made: number;
    readonly corrected: number;
    readonly uncorrected: number;
  };
  /** Whole seconds without a key. */
  readonly afkSeconds: number;
  /** One entry for each second of active time, and one for a tail of half a second or more. */
  readonly perSecond: {
    /** Ends of the seconds, active ms. */
    readonly boundariesMs: readonly number[];
    /** Words a minute within the second, whole. */
    readonly raw: readonly number[];
    /** Net words a minute from the start to here, whole. */
    readonly wpm: readonly number[];
    readonly errors: readonly number[];
  };
  /** Words a minute of each word; `null` where it has no time. */
  readonly wordBurstWpm: readonly (number | null)[];
  /** The fastest second. */
  readonly peakRawWpm: number;
  /** Active time between keys, ms. */
  readonly interKeyMs: {
    readonly mean: number;
    readonly sd: number;
  };
  readonly flags: readonly Flag[];
  /** Whether it has no flag. */
  readonly valid: boolean;
  /** How each character of the text went. */
  readonly keys: { readonly [grapheme: string]: KeyStat };
  /** What other programs would show. */
  readonly informative: {
    readonly classicGrossWpm: number;
    readonly classicNetWpm: number;
    readonly accuracyAdjustedWpm: number;
  };
}

/**
 * Measures a log. Pure: the same log gives the same numbers everywhere. Needs {@link init}, but no store.
 * Throws `invalid` with the field, such as `target`, `mode.value` or `events[3].t`.
 */
export function measure(input: MeasureInput): Metrics;
