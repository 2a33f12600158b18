/*! Where one types: a real, labelled textarea laid over the text it is about. */
import { useEffect, useRef } from "react";
import type { Desk, DeskView } from "./desk";
import { markReady } from "./ready";
import { listen } from "./surface";
import styles from "./typing.module.css";
import { Words } from "./Words";

export function TypingArea({ desk, view }: { desk: Desk; view: DeskView }) {
  const area = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    if (!area.current) return;
    return listen(area.current, desk);
  }, [desk]);

  useEffect(() => {
    area.current?.focus({ preventScroll: true });
    markReady();
  }, [view.attempt]);

  return (
    <div className={styles.surface}>
      <Words key={view.attempt} words={view.words} word={view.word} caret={view.caret} composing={view.composing} />
      {view.state === "paused" && (
        <div className={styles.veil} data-testid="paused" aria-hidden="true">
          <strong>Paused</strong>
          <span>Click here and type to go on</span>
        </div>
      )}
      <p id="typing-target" className={styles.hidden} lang="en" data-testid="typing-target">
        {view.text}
      </p>
      <textarea
        ref={area}
        className={styles.area}
        data-testid="typing-area"
        data-state={view.state}
        aria-label="Typing area. Type the text shown. Press Escape to pause."
        aria-describedby="typing-target"
        autoCapitalize="off"
        autoComplete="off"
        autoCorrect="off"
        spellCheck={false}
        inputMode="text"
        enterKeyHint="done"
        data-gramm="false"
        translate="no"
        rows={4}
      />
    </div>
  );
}
