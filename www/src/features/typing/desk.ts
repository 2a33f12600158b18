/*!
 * The session being typed, outside React: it lives on when the screen is left, and its handlers never see old state.
 *
 * Each event makes one call into the core; what the screen shows is collected once per frame. Results come from the
 * core only, and "saved" is said only after the core said so.
 */
import { keepStorage, type Draft, type KeyFlow, type Live, type Metrics } from "../../core";
import type { KeyEvent, Session, SessionHandle, SessionState, WordView } from "../../core";
import { choose, chooseWords, exercises, type Chosen, type Exercise } from "../../texts/choose";
import { exerciseOf, modeOf } from "./exercise";
import type { Keystroke } from "./input-map";

/** Words added to a time test at once, and how few may be left before that. */
const MORE_WORDS = 40;
const CHECKPOINT_MS = 5000;

export type Stage =
  | { readonly name: "starting" }
  | { readonly name: "typing" }
  | { readonly name: "saving" }
  | { readonly name: "saved"; readonly session: Session }
  | { readonly name: "unsaved"; readonly error: unknown; readonly metrics: Metrics | undefined }
  | { readonly name: "failed"; readonly error: unknown };

/** What the screen shows. A new object for every change. */
export interface DeskView {
  readonly stage: Stage;
  /** Rises with every new session on the desk. */
  readonly attempt: number;
  readonly exercise: Exercise;
  readonly title: string;
  readonly text: string;
  readonly words: readonly WordView[];
  readonly word: number;
  readonly caret: number;
  readonly state: SessionState;
  /** What an input method is composing at the caret. */
  readonly composing: string;
  readonly capsLock: boolean;
  /** Why the running session could not be secured against a crash; it goes on. */
  readonly warning: unknown;
}

export class Desk {
  readonly #kf: KeyFlow;
  readonly #listeners = new Set<() => void>();
  #view: DeskView;
  #handle: SessionHandle | undefined;
  #chosen: Chosen | undefined;
  #turn = 0;
  #lastKey = 0;
  /** Words whose typed letters changed since the last frame. */
  #dirty: { from: number; to: number } | undefined;
  #frame: number | undefined;
  #limit: ReturnType<typeof setTimeout> | undefined;
  #checkpoints: ReturnType<typeof setInterval> | undefined;
  /** The checkpoint being written; it settles before its session is thrown away. Never rejects. */
  #securing: Promise<void> = Promise.resolve();

  constructor(kf: KeyFlow) {
    this.#kf = kf;
    const exercise = exercises[0]?.exercise ?? { kind: "passage" };
    this.#view = {
      stage: { name: "starting" },
      attempt: 0,
      exercise,
      title: "",
      text: "",
      words: [],
      word: 0,
      caret: 0,
      state: "ready",
      composing: "",
      capsLock: false,
      warning: undefined,
    };
    void this.begin();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly view = (): DeskView => this.#view;

  /** Puts a new text on the desk; a session on it that is not saved is thrown away. */
  async begin(exercise: Exercise = this.#view.exercise): Promise<void> {
    await this.#put(exercise, choose(exercise, Math.random, this.#chosen?.sourceId));
  }

  /** The same text once more. */
  async repeat(): Promise<void> {
    const { exercise, title, text } = this.#view;
    await this.#put(exercise, this.#chosen ?? { text, title, sourceId: "" });
  }

  async #put(exercise: Exercise, chosen: Chosen): Promise<void> {
    await this.#take(exercise, chosen.title, async () => {
      this.#chosen = chosen;
      return this.#kf.startSession({
        text: chosen.text,
        mode: modeOf(exercise),
        language: "en",
        inputKind: window.matchMedia("(pointer: coarse)").matches ? "touch" : "hardware",
        source: { kind: exercise.kind === "passage" ? "passage" : "words", textId: chosen.sourceId },
      });
    });
  }

  /** Goes on with a session that a crash interrupted. It waits, paused, for the next key. */
  async goOn(draft: Draft): Promise<void> {
    await this.#take(exerciseOf(draft.mode), "Resumed session", () => {
      this.#chosen = undefined;
      return this.#kf.resumeSession(draft.id);
    });
  }

  /** Throws away a session that a crash interrupted. */
  async forget(draft: Draft): Promise<void> {
    await this.goOn(draft);
    await this.begin();
  }

  async #take(exercise: Exercise, title: string, open: () => Promise<SessionHandle>): Promise<void> {
    // A session that is being saved is not thrown away by a key pressed too soon.
    if (this.#view.stage.name === "saving") return;
    const turn = ++this.#turn;
    this.#stopTimers();
    const before = this.#handle;
    this.#handle = undefined;
    // While one text gives way to the next the old one stays in sight, without taking keys.
    if (this.#view.stage.name !== "typing") this.#show({ stage: { name: "starting" } });
    try {
      await this.#securing;
      await before?.cancel();
      if (turn !== this.#turn) return;
      const handle = await open();
      if (turn !== this.#turn) {
        await handle.cancel();
        return;
      }
      const words = handle.words(0, Number.MAX_SAFE_INTEGER);
      // A word that was not reached has nothing typed; the caret is in the last one that was.
      const word = Math.max(0, words.findLastIndex((view) => view.typed !== null));
      this.#handle = handle;
      this.#dirty = undefined;
      this.#lastKey = performance.now();
      this.#show({
        stage: { name: "typing" },
        attempt: this.#view.attempt + 1,
        exercise,
        title,
        text: handle.text,
        words,
        word,
        caret: words[word]?.typed?.length ?? 0,
        state: handle.state,
        composing: "",
        warning: undefined,
      });
    } catch (error) {
      if (turn === this.#turn) this.#show({ stage: { name: "failed", error } });
    }
  }

  /** What one input means, at its own time. The first key after a pause lets the clock go on. */
  keys(strokes: readonly Keystroke[], t: number): void {
    for (const stroke of strokes) {
      if (stroke.op !== "paste") this.#wake(t);
      this.#tell({ ...stroke, t });
    }
  }

  composeStart(t: number): void {
    this.#wake(t);
    this.#tell({ op: "composeStart", t });
  }

  composing(text: string): void {
    this.#show({ composing: text }, "nextFrame");
  }

  capsLock(on: boolean): void {
    if (on !== this.#view.capsLock) this.#show({ capsLock: on }, "nextFrame");
  }

  /** Whether `text`, not committed yet, would complete the last word. */
  completes(text: string): boolean {
    const handle = this.#handle;
    if (!handle || this.#view.exercise.kind === "time") return false;
    const { word, words } = this.#view;
    if (word !== words.length - 1) return false;
    const [last] = handle.words(word, word + 1);
    return last !== undefined && ((last.typed ?? []).join("") + text).normalize("NFC") === last.target.join("");
  }

  /** Stops the clock at `t`; without one at the last key, so that looking away costs nothing. */
  pause(t: number = this.#lastKey): void {
    const handle = this.#handle;
    if (handle?.state !== "running") return;
    handle.pause(Math.max(t, this.#lastKey));
    this.#stopTimers();
    this.#show({ state: handle.state, composing: "" });
    this.#secure();
  }

  /** The numbers at this moment; `undefined` when nothing is being typed. */
  live(): Live | undefined {
    return this.#view.stage.name === "typing" ? this.#handle?.live(performance.now()) : undefined;
  }

  /** Ends the session where it is and saves it; after a failed save, tries again. */
  async finish(): Promise<void> {
    const handle = this.#handle;
    if (!handle || this.#view.stage.name === "saving") return;
    this.#stopTimers();
    this.#collect();
    this.#show({ stage: { name: "saving" }, composing: "" });
    try {
      const session = await handle.end(this.#lastKey);
      if (handle !== this.#handle) return;
      this.#show({ stage: { name: "saved", session }, state: handle.state });
      void keepStorage();
    } catch (error) {
      if (handle !== this.#handle) return;
      this.#show({ stage: { name: "unsaved", error, metrics: this.#measured(handle) }, state: handle.state });
    }
  }

  /** Everything about the session on the desk as JSON, to be kept by hand when it cannot be saved. */
  asJson(): string {
    const handle = this.#handle;
    if (!handle) return "{}";
    const { exercise } = this.#view;
    const log = { id: handle.id, text: handle.text, mode: modeOf(exercise), language: "en", events: handle.events() };
    return JSON.stringify({ ...log, metrics: this.#measured(handle) ?? null }, null, 2);
  }

  #measured(handle: SessionHandle): Metrics | undefined {
    try {
      return handle.metrics();
    } catch {
      // The failure that matters, the one to save, is already on the screen.
      return undefined;
    }
  }

  #wake(t: number): void {
    const handle = this.#handle;
    if (handle?.state !== "paused") return;
    handle.resume(t);
    this.#startTimers(handle);
    this.#show({ state: handle.state }, "nextFrame");
  }

  #tell(event: KeyEvent): void {
    const handle = this.#handle;
    if (!handle || this.#view.stage.name !== "typing") return;
    const before = this.#view.word;
    const fresh = this.#view.state === "ready";
    const step = handle.input(event);
    if (step.accepted > 0 || event.op === "composeStart") this.#lastKey = Math.max(this.#lastKey, event.t);
    const from = Math.min(before, step.word, this.#dirty?.from ?? before);
    const to = Math.max(before, step.word, this.#dirty?.to ?? before);
    this.#dirty = { from, to };
    if (fresh && handle.state === "running") this.#startTimers(handle);
    if (step.finished) {
      this.#show({ word: step.word, caret: step.caret, state: handle.state }, "nextFrame");
      void this.finish();
      return;
    }
    this.#show({ word: step.word, caret: step.caret, state: handle.state }, "nextFrame");
    if (step.word !== before) this.#provide(handle, step.word);
  }

  /** A time test must never run out of words. */
  #provide(handle: SessionHandle, word: number): void {
    const { exercise, words } = this.#view;
    if (exercise.kind !== "time" || words.length - word > MORE_WORDS) return;
    handle.append(chooseWords(MORE_WORDS, Math.random, words.at(-1)?.target.join("")));
    const more = handle.words(words.length, Number.MAX_SAFE_INTEGER);
    this.#show({ words: [...words, ...more], text: handle.text }, "nextFrame");
  }

  #startTimers(handle: SessionHandle): void {
    this.#stopTimers();
    const { remainingMs } = handle.live(performance.now());
    if (remainingMs !== null) {
      this.#limit = setTimeout(() => this.#checkLimit(handle), Math.max(0, remainingMs));
    }
    this.#checkpoints = setInterval(() => this.#secure(), CHECKPOINT_MS);
  }

  #checkLimit(handle: SessionHandle): void {
    if (handle !== this.#handle || handle.state !== "running") return;
    const now = performance.now();
    const { remainingMs } = handle.live(now);
    if (remainingMs === null) return;
    if (remainingMs > 0) {
      this.#limit = setTimeout(() => this.#checkLimit(handle), Math.ceil(remainingMs));
      return;
    }
    this.#tell({ t: now, op: "end", reason: "timeout" });
  }

  #stopTimers(): void {
    clearTimeout(this.#limit);
    clearInterval(this.#checkpoints);
  }

  #secure(): void {
    this.#securing = this.#securing.then(() => this.#checkpoint());
  }

  async #checkpoint(): Promise<void> {
    const handle = this.#handle;
    if (!handle || (handle.state !== "running" && handle.state !== "paused")) return;
    try {
      await handle.checkpoint();
      if (handle === this.#handle && this.#view.warning !== undefined) this.#show({ warning: undefined });
    } catch (warning) {
      if (handle === this.#handle && this.#view.stage.name === "typing") this.#show({ warning });
    }
  }

  /** Reads the changed words from the core, all at once. */
  #collect(): void {
    const dirty = this.#dirty;
    this.#dirty = undefined;
    if (!dirty || !this.#handle) return;
    const words = this.#view.words.slice();
    this.#handle.words(dirty.from, dirty.to + 1).forEach((view, index) => {
      words[dirty.from + index] = view;
    });
    this.#view = { ...this.#view, words };
  }

  #show(change: Partial<DeskView>, when: "now" | "nextFrame" = "now"): void {
    this.#view = { ...this.#view, ...change };
    if (when === "nextFrame") {
      this.#frame ??= requestAnimationFrame(() => this.#publish());
      return;
    }
    this.#publish();
  }

  #publish(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#frame = undefined;
    this.#collect();
    for (const listener of this.#listeners) listener();
  }
}

const desks = new WeakMap<KeyFlow, Desk>();

/** The one desk of a store. */
export function deskOf(kf: KeyFlow): Desk {
  let desk = desks.get(kf);
  if (!desk) {
    desk = new Desk(kf);
    desks.set(kf, desk);
  }
  return desk;
}
