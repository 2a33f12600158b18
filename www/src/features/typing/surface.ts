/*!
 * Listens to the textarea, natively, and tells the desk. The textarea itself never holds what is typed: only a
 * sentinel, so that Backspace always has something to delete and the browser always has something to say.
 *
 * Input methods write into it undisturbed; what they compose is judged when they commit it.
 */
import type { Desk } from "./desk";
import { difference, keystrokes } from "./input-map";

const SENTINEL = " ";

/** Starts listening. The returned function stops it and leaves no trace. */
export function listen(area: HTMLTextAreaElement, desk: Desk): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  let composing = false;
  /** The composition was taken before its end, because it completed the text. */
  let taken = false;
  /** What was just committed; some platforms report it a second time as plain text within the same task. */
  let committed: string | undefined;

  const lineBreaks = () => desk.view().text.includes("\n");
  const reset = () => {
    if (area.value !== SENTINEL) area.value = SENTINEL;
    if (area.selectionStart !== SENTINEL.length || area.selectionEnd !== SENTINEL.length) {
      area.setSelectionRange(SENTINEL.length, SENTINEL.length);
    }
  };

  const beforeInput = (event: InputEvent) => {
    if (composing || event.isComposing || event.inputType === "insertCompositionText") return;
    // What cannot be cancelled is read from the textarea afterwards.
    if (!event.cancelable) return;
    event.preventDefault();
    if (committed !== undefined && event.data === committed) {
      committed = undefined;
      return;
    }
    desk.keys(keystrokes(event, lineBreaks()), event.timeStamp);
  };

  const input = (event: Event) => {
    if (composing) return;
    if (area.value !== SENTINEL && committed === undefined) {
      desk.keys(difference(SENTINEL, area.value), event.timeStamp);
    }
    reset();
  };

  const compositionUpdate = (event: CompositionEvent) => {
    if (taken) return;
    desk.composing(event.data);
    if (event.data !== "" && desk.completes(event.data)) {
      taken = true;
      desk.composing("");
      desk.keys([{ op: "insert", text: event.data }], event.timeStamp);
    }
  };

  const compositionEnd = (event: CompositionEvent) => {
    composing = false;
    desk.composing("");
    if (!taken && event.data !== "") desk.keys([{ op: "insert", text: event.data }], event.timeStamp);
    committed = event.data;
    setTimeout(() => {
      committed = undefined;
      if (!signal.aborted && !composing) reset();
    });
  };

  const keyDown = (event: KeyboardEvent) => {
    desk.capsLock(event.getModifierState("CapsLock"));
    if (composing || event.isComposing) return;
    if (event.key === "Escape" && !event.repeat) {
      desk.pause(event.timeStamp);
      area.blur();
      return;
    }
    reset();
  };

  const pasted = (event: Event) => {
    event.preventDefault();
    desk.keys([{ op: "paste" }], event.timeStamp);
  };

  area.addEventListener("beforeinput", beforeInput, { signal });
  area.addEventListener("input", input, { signal });
  area.addEventListener(
    "compositionstart",
    (event) => {
      composing = true;
      taken = false;
      desk.composeStart(event.timeStamp);
    },
    { signal },
  );
  area.addEventListener("compositionupdate", compositionUpdate, { signal });
  area.addEventListener("compositionend", compositionEnd, { signal });
  area.addEventListener("keydown", keyDown, { signal });
  area.addEventListener("paste", pasted, { signal });
  area.addEventListener("drop", pasted, { signal });
  area.addEventListener("focus", reset, { signal });
  area.addEventListener("blur", () => desk.pause(), { signal });
  document.addEventListener("visibilitychange", () => document.hidden && desk.pause(), { signal });
  reset();
  return () => stop.abort();
}
