import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { KeyEvent, KeyFlow, Metrics, Session, SessionHandle, SessionState, StartOptions, Step } from "@keyflow/sync";
import { Desk } from "./desk";

// The desk takes its store as an argument; these tests run without the wasm module that the core would load.
vi.mock("../../core", () => ({ keepStorage: () => Promise.resolve() }));

/** Lets every promise that is ready settle. */
const settle = () => vi.advanceTimersByTimeAsync(0);

/** A handle that keeps a record of what it is told; a key "!" finishes the session. */
class Scripted implements SessionHandle {
  readonly id = "s1";
  state: SessionState = "ready";
  text: string;
  readonly told: (KeyEvent | { op: "paused" | "resumed" | "appended" | "cancelled"; t?: number })[] = [];
  end = vi.fn<(t?: number) => Promise<Session>>();
  word = 0;
  limitMs: number | null = null;

  constructor(text: string) {
    this.text = text;
  }
  input(event: KeyEvent): Step {
    this.told.push(event);
    if (this.state === "ready") this.state = "running";
    if (event.op === "insert" && event.text === " ") this.word += 1;
    const finished = event.op === "end" || (event.op === "insert" && event.text === "!");
    if (finished) this.state = "finished";
    return { accepted: 1, rejected: 0, correct: true, word: this.word, caret: 1, finished };
  }
  pause(t = -1): void {
    this.state = "paused";
    this.told.push({ op: "paused", t });
  }
  resume(t = -1): void {
    this.state = "running";
    this.told.push({ op: "resumed", t });
  }
  live() {
    const remainingMs = this.limitMs;
    const rates = { wpm: 0, rawWpm: 0, accuracy: 0, progress: 0 };
    return { ...rates, elapsedMs: 0, remainingMs, wordsLeft: 0, paused: false };
  }
  words(from: number, to: number) {
    const words = this.text.split(" ").slice(from, to);
    return words.map((word) => ({ target: [...word], typed: null, correct: [] }));
  }
  append(text: string): void {
    this.text += ` ${text}`;
    this.told.push({ op: "appended" });
  }
  metrics(): Metrics {
    return measured;
  }
  events(): KeyEvent[] {
    return [];
  }
  checkpoint = vi.fn(() => Promise.resolve());
  cancel(): Promise<void> {
    this.told.push({ op: "cancelled" });
    return Promise.resolve();
  }
}

const saved = { id: "s1", wpm: 60 } as Session;
const measured = { wpm: 61 } as Metrics;

async function desk() {
  const handles: Scripted[] = [];
  const started: StartOptions[] = [];
  const kf = {
    startSession: (options: StartOptions) => {
      const handle = new Scripted(options.text);
      started.push(options);
      handles.push(handle);
      return handle;
    },
  } as unknown as KeyFlow;
  const subject = new Desk(kf);
  await settle();
  const [handle] = handles;
  if (!handle) throw new Error("a new desk starts a session");
  return { subject, handle, handles, started };
}

const insert = (text: string) => [{ op: "insert", text } as const];

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("window", { matchMedia: () => ({ matches: false }) });
  vi.stubGlobal("requestAnimationFrame", (frame: () => void) => setTimeout(frame, 16));
  vi.stubGlobal("cancelAnimationFrame", clearTimeout);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a finished session", () => {
  test("is shown only once the core has said that it is saved", async () => {
    const { subject, handle } = await desk();
    let resolve: (session: Session) => void = () => undefined;
    handle.end.mockReturnValue(new Promise((done) => (resolve = done)));
    subject.keys(insert("!"), 10_000_000);
    await settle();
    expect(subject.view().stage).toEqual({ name: "saving" });
    resolve(saved);
    await settle();
    expect(subject.view().stage).toEqual({ name: "saved", session: saved });
  });

  test("that cannot be saved keeps its result and is saved by the next attempt", async () => {
    const { subject, handle } = await desk();
    const full = new Error("full");
    handle.end.mockRejectedValueOnce(full).mockResolvedValueOnce(saved);
    subject.keys(insert("!"), 10_000_000);
    await settle();
    expect(subject.view().stage).toEqual({ name: "unsaved", error: full, metrics: measured });
    expect(handle.told.some(({ op }) => op === "cancelled")).toBe(false);
    await subject.finish();
    expect(subject.view().stage).toEqual({ name: "saved", session: saved });
  });

  test("is not thrown away by asking for another text while it is being saved", async () => {
    const { subject, handle, handles } = await desk();
    let resolve: (session: Session) => void = () => undefined;
    handle.end.mockReturnValue(new Promise((done) => (resolve = done)));
    subject.keys(insert("!"), 10_000_000);
    await subject.begin();
    resolve(saved);
    await settle();
    expect(handles).toHaveLength(1);
    expect(handle.told.some(({ op }) => op === "cancelled")).toBe(false);
    expect(subject.view().stage).toEqual({ name: "saved", session: saved });
  });
});

describe("looking away", () => {
  test("pauses at the time of the last key and secures the session", async () => {
    const { subject, handle } = await desk();
    subject.keys(insert("a"), 10_000_000);
    subject.pause();
    await settle();
    expect(handle.told.at(-1)).toEqual({ op: "paused", t: 10_000_000 });
    expect(handle.checkpoint).toHaveBeenCalledOnce();
  });

  test("before the first key pauses nothing", async () => {
    const { subject, handle } = await desk();
    subject.pause();
    expect(handle.told).toEqual([]);
  });

  test("ends with the next key, which goes on at its own time", async () => {
    const { subject, handle } = await desk();
    subject.keys(insert("a"), 10_000_000);
    subject.pause();
    subject.keys(insert("b"), 10_009_000);
    expect(handle.told.slice(-2)).toEqual([
      { op: "resumed", t: 10_009_000 },
      { op: "insert", text: "b", t: 10_009_000 },
    ]);
  });

  test("does not end with a paste", async () => {
    const { subject, handle } = await desk();
    subject.keys(insert("a"), 10_000_000);
    subject.pause();
    subject.keys([{ op: "paste" }], 10_009_000);
    expect(handle.state).toBe("paused");
  });
});

describe("a time test", () => {
  test("gets more words long before it runs out of them, and shows them", async () => {
    const { subject, handles } = await desk();
    await subject.begin({ kind: "time", seconds: 30 });
    const handle = handles.at(-1);
    const before = subject.view().words.length;
    for (let word = 0; word < before; word += 1) subject.keys(insert(" "), 10_000_000 + word);
    expect(handle?.told.some(({ op }) => op === "appended")).toBe(true);
    expect(subject.view().words.length).toBe(handle?.text.split(" ").length);
    expect(subject.view().words.length).toBeGreaterThan(before + 30);
  });

  test("ends when its time is up, also without a key", async () => {
    const { subject, handles } = await desk();
    await subject.begin({ kind: "time", seconds: 30 });
    const handle = handles.at(-1);
    if (!handle) throw new Error("there is a session");
    handle.end.mockResolvedValue(saved);
    handle.limitMs = 30_000;
    subject.keys(insert("a"), 10_000_000);
    await vi.advanceTimersByTimeAsync(29_000);
    expect(subject.view().stage.name).toBe("typing");
    handle.limitMs = 0;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(handle.told.at(-1)).toMatchObject({ op: "end", reason: "timeout" });
    expect(subject.view().stage.name).toBe("saved");
  });
});

test("a session is told what it is about", async () => {
  const { subject, started } = await desk();
  await subject.begin({ kind: "words", count: 25 });
  expect(started.at(-1)).toMatchObject({ mode: { kind: "words", value: 25 }, language: "en", inputKind: "hardware" });
});

test("a running session is secured every few seconds, off the key path", async () => {
  const { subject, handle } = await desk();
  subject.keys(insert("a"), 10_000_000);
  expect(handle.checkpoint).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(11_000);
  expect(handle.checkpoint).toHaveBeenCalledTimes(2);
});
