//! Compiled, never run: every call of the surface as a user writes it, and what the compiler must refuse.

import init, { KeyFlow, isKeyFlowError, measure } from '@keyflow/sync';
import initInline, { KeyFlow as InlineKeyFlow } from '@keyflow/sync/inline';
import type {
  Change,
  Conflict,
  Device,
  Draft,
  ErrorCode,
  ImportReport,
  KeyEvent,
  KeyFlowError,
  LinkCode,
  Live,
  Metrics,
  NewSession,
  OpenOptions,
  Operation,
  Options,
  Phase,
  Progress,
  RoundReport,
  Session,
  SessionHandle,
  SessionPatch,
  SessionState,
  SessionSummary,
  Settings,
  Status,
  Step,
  SyncState,
  TimelineEntry,
  WordView,
} from '@keyflow/sync';

/** Compiles only when both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never;
function same<A, B>(_proof: Same<A, B>): void {}

export async function starting(bytes: ArrayBuffer): Promise<KeyFlow> {
  await init();
  await init({ module_or_path: bytes });
  await initInline({ module_or_path: Promise.resolve(new URL('https://keyflow.example/core_bg.wasm')) });
  const inline: KeyFlow = await InlineKeyFlow.open();
  await inline.close();

  const numbers: Options = {
    debounceMs: 500,
    settleMs: 2000,
    roundGapMs: 5000,
    batchSize: 10,
    batchBytes: 1 << 20,
    pullLimit: 200,
    pollMs: 60_000,
    stalledMs: 120_000,
    backoffFirstMs: 2000,
    backoffMaxMs: 60_000,
    backoffSpread: 0.25,
    requestTimeoutMs: 15_000,
    queueMax: 1000,
    failedExpireMs: 30 * 24 * 3_600_000,
    cacheSessions: 100,
  };
  const options: OpenOptions = {
    name: 'types',
    storage: 'memory',
    server: 'https://keyflow.example',
    token: 'secret',
    deviceName: 'desk',
    strategy: 'fieldLevel',
    options: { ...numbers, batchSize: 5 },
  };
  return KeyFlow.open(options);
}

export async function typing(kf: KeyFlow): Promise<Session> {
  const handle: SessionHandle = kf.startSession({
    text: 'one two',
    mode: { kind: 'time', value: 30 },
    language: 'en',
    layout: 'qwerty',
    inputKind: 'hardware',
    source: { kind: 'words', sourceId: 'english', textId: '1', shareCustomText: false },
    options: { punctuation: true },
    tags: ['evening'],
  });
  same<typeof handle.state, SessionState>(true);
  same<typeof handle.id, string>(true);
  const step: Step = handle.input({ t: 0, op: 'insert', text: handle.text[0] ?? '' });
  same<typeof step.finished, boolean>(true);
  handle.pause(5);
  handle.pause();
  handle.resume();
  handle.append('three');
  const live: Live = handle.live(7);
  same<typeof live.remainingMs, number | null>(true);
  const words: WordView[] = handle.words(0, 3);
  same<(typeof words)[number]['typed'], readonly string[] | null>(true);
  const events: KeyEvent[] = handle.events();
  await handle.checkpoint();

  const drafts: Draft[] = await kf.resumable();
  const first = drafts[0];
  if (first !== undefined) await (await kf.resumeSession(first.id)).cancel();

  const metrics: Metrics = measure({ target: handle.text, mode: { kind: 'text' }, language: 'en', events });
  same<Metrics['wordBurstWpm'], readonly (number | null)[]>(true);
  same<typeof metrics.informative.classicNetWpm, number>(true);
  same<ReturnType<typeof handle.metrics>, Metrics>(true);
  await handle.end(9);
  return handle.end();
}

export async function records(kf: KeyFlow): Promise<void> {
  const fresh: NewSession = { timestamp: 1, text: 'a', wpm: 1, accuracy: 99.5, data: { own: [1] }, ownField: 1 };
  const saved: Session = await kf.save(fresh);
  const patch: SessionPatch = { note: null, tags: ['a'], deleted: false };
  same<Awaited<ReturnType<typeof kf.update>>, Session>(true);
  await kf.update(saved.id, patch);
  same<Awaited<ReturnType<typeof kf.get>>, Session | null>(true);
  const page: SessionSummary[] = await kf.list({ limit: 20 });
  const last = page.at(-1);
  if (last !== undefined) await kf.list({ limit: 20, before: last });
  await kf.list({ before: 1_700_000_000_000 });
  const none: void = await kf.remove(saved.id);
  same<SyncState, 'local' | 'queued' | 'sending' | 'synced' | 'parked' | 'conflict'>(true);
  same<typeof saved.userId, string | undefined>(true);
  same<typeof saved.base, string | null>(true);
  same<SessionSummary['durationMs'], number | undefined>(true);
  return none;
}

export async function syncing(kf: KeyFlow): Promise<void> {
  await kf.whenSynced('a');
  await kf.whenSynced('a', { timeoutMs: 1000 });
  const report: RoundReport = await kf.sync();
  same<typeof report.pushed, number>(true);
  const status: Status = kf.status();
  const phase: Phase = status.phase;
  switch (phase) {
    case 'localOnly':
    case 'offline':
    case 'idle':
    case 'waiting':
    case 'syncing':
    case 'stalled':
    case 'authRequired':
    case 'closed':
      break;
    default:
      same<typeof phase, never>(true);
  }
  same<Status['lastError'], { readonly code: string; readonly message: string; readonly at: number } | null>(true);
  const stop: () => void = kf.subscribe((change: Change) => void change.records.length);
  stop();

  const queue: Operation[] = await kf.operations();
  same<Operation['status'], 'pending' | 'in_progress' | 'failed' | 'completed'>(true);
  const count: number = await kf.retry();
  await kf.retry(queue[count]?.id ?? '');
  await kf.discard('op');

  const inbox: Conflict[] = await kf.conflicts();
  same<Conflict['winner'], 'local' | 'remote' | 'merged'>(true);
  await kf.resolve(inbox[0]?.id ?? '', 'remote');
  await kf.resolve('id', 'merge', { note: 'local', tags: 'remote' });
  const lines: TimelineEntry[] = await kf.timeline('a');
  same<(typeof lines)[number]['source'], 'device' | 'server'>(true);
}

export async function account(kf: KeyFlow): Promise<void> {
  const progress: Progress = await kf.progress();
  same<typeof progress.averageWPM, number>(true);
  const settings: Settings = await kf.settings();
  const changed: Settings = await kf.setSettings({ theme: 'dark', sizes: [1, 2], old: null, ...settings });
  same<typeof changed, Settings>(true);
  const code: LinkCode = await kf.linkCode();
  await kf.link(code.code);
  const devices: Device[] = await kf.devices();
  await kf.revoke(devices[0]?.id ?? '');
  await kf.setToken('secret');
  const left: Blob | null = await kf.signOut({ pending: 'export' });
  const all: Blob = await kf.exportAll();
  const report: ImportReport = await kf.importAll(left ?? all);
  await kf.importAll('{}');
  same<typeof report.imported, number>(true);
  await kf.close();
}

export function errors(error: unknown): ErrorCode | undefined {
  if (!isKeyFlowError(error)) return undefined;
  const typed: KeyFlowError = error;
  const field: string | undefined = typed.field;
  return field === undefined ? typed.code : 'invalid';
}

export async function refused(kf: KeyFlow, handle: SessionHandle): Promise<void> {
  // @ts-expect-error stores are opened, not constructed
  new KeyFlow();
  // @ts-expect-error no such storage
  await KeyFlow.open({ storage: 'disk' });
  // @ts-expect-error no such number
  await KeyFlow.open({ options: { debounce: 5 } });
  // @ts-expect-error no such strategy
  await KeyFlow.open({ strategy: 'newest' });
  // @ts-expect-error a source goes into an object
  await init('core_bg.wasm');
  // @ts-expect-error a session needs the time of its start
  await kf.save({ text: 'a' });
  // @ts-expect-error tags are texts
  await kf.update('a', { tags: [1] });
  // @ts-expect-error removing has a call of its own
  await kf.update('a', { deleted: true });
  // @ts-expect-error a time test needs its limit
  kf.startSession({ text: 'a', mode: { kind: 'time' } });
  // @ts-expect-error an insert needs its text
  handle.input({ t: 1, op: 'insert' });
  // @ts-expect-error an event needs its time
  handle.input({ op: 'backspace' });
  // @ts-expect-error no such choice
  await kf.resolve('id', 'both');
  // @ts-expect-error a field comes from one side
  await kf.resolve('id', 'merge', { note: 'mine' });
  // @ts-expect-error signing out needs a choice
  await kf.signOut();
  // @ts-expect-error settings are JSON
  await kf.setSettings({ theme: () => 'dark' });
  // @ts-expect-error the status is not for writing
  kf.status().pending = 0;
  // @ts-expect-error what was saved is not for writing
  (await kf.update('a', {})).wpm = 5;
  // @ts-expect-error nothing here is of no known type
  const untyped: { readonly anything: string } = (await kf.get('a'))?.data['anything'];
  void untyped;
}
