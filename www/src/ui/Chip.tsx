/*! A small label for a state: a word and a shape, so that colour is never the only sign. */
import styles from "./Chip.module.css";

export type Tone = "calm" | "busy" | "good" | "warn" | "wrong";

const marks: Record<Tone, string> = { calm: "○", busy: "◐", good: "●", warn: "▲", wrong: "■" };

export function Chip({ tone, children, testId }: { tone: Tone; children: string; testId?: string }) {
  return (
    <span className={`${styles.chip} ${styles[tone]}`} data-testid={testId}>
      <span aria-hidden="true" className={styles.mark}>
        {marks[tone]}
      </span>
      {children}
    </span>
  );
}
