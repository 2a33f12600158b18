/*! The text as the eye follows it: three lines of words, each letter marked, the caret before the next one. */
import { memo, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { WordView } from "../../core";
import { firstWindow, follow, WINDOW_WORDS, type LineWindow } from "./line-window";
import styles from "./typing.module.css";

type Place = "done" | "active" | "ahead";

interface WordProps {
  view: WordView;
  index: number;
  place: Place;
  /** Letters before the caret; -1 for every word but the active one. */
  caret: number;
  composing: string;
  last: boolean;
}

function letterClass(view: WordView, at: number, place: Place): string | undefined {
  const typed = view.typed !== null && at < view.typed.length;
  if (!typed) return place === "done" ? styles.missed : undefined;
  if (at >= view.target.length) return styles.extra;
  return view.correct[at] ? styles.right : styles.wrong;
}

const Word = memo(function Word({ view, index, place, caret, composing, last }: WordProps) {
  const extra = view.typed?.slice(view.target.length) ?? [];
  const letters = [...view.target, ...extra];
  const exact = view.typed?.length === view.target.length && view.correct.every(Boolean);
  const caretClass = (at: number) => (at === caret && composing === "" ? styles.caret : undefined);
  return (
    <span
      className={styles.word}
      data-testid="word"
      data-index={index}
      data-place={place}
      data-exact={place === "done" ? exact : undefined}
    >
      {letters.map((letter, at) => (
        <span key={at}>
          {at === caret && composing !== "" && <span className={styles.composing}>{composing}</span>}
          <span className={[letterClass(view, at, place), caretClass(at)].filter(Boolean).join(" ") || undefined}>
            {letter}
          </span>
        </span>
      ))}
      {letters.length === caret && composing !== "" && <span className={styles.composing}>{composing}</span>}
      <span className={caretClass(letters.length)}>{last ? "\u200b" : " "}</span>
    </span>
  );
});

interface WordsProps {
  words: readonly WordView[];
  word: number;
  caret: number;
  composing: string;
}

/** Give it a new `key` for a new text, so that it begins at the first line. */
export function Words({ words, word, caret, composing }: WordsProps) {
  const [window, setWindow] = useState<LineWindow>(firstWindow);
  const [width, setWidth] = useState(0);
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const watch = new ResizeObserver(() => setWidth(element.clientWidth));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);

  // Layout is read when the active word changes, not for every key.
  useLayoutEffect(() => {
    const tops = Array.from(box.current?.children ?? [], (child) => (child instanceof HTMLElement ? child.offsetTop : 0));
    setWindow((current) => follow(current, word, tops));
  }, [word, width]);

  return (
    <div ref={box} className={styles.words} aria-hidden="true">
      {words.slice(window.from, window.from + WINDOW_WORDS).map((view, offset) => {
        const index = window.from + offset;
        const active = index === word;
        return (
          <Word
            key={index}
            view={view}
            index={index}
            place={active ? "active" : index < word ? "done" : "ahead"}
            caret={active ? caret : -1}
            composing={active ? composing : ""}
            last={index === words.length - 1}
          />
        );
      })}
    </div>
  );
}
