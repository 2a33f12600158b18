/*! The result of a session: shown once it is saved on this device, or with a way to rescue it when it could not be. */
import { useCallback, useEffect, useRef, useState, type ReactNode } from "react";
import { useReading, type KeyFlow, type Metrics, type Session } from "../../core";
import { Button, ConfirmButton } from "../../ui/Button";
import { Chip } from "../../ui/Chip";
import { formatDuration, formatNumber, formatPercent } from "../../ui/format";
import { Problem } from "../../ui/Problem";
import { SyncChip } from "../../ui/SyncChip";
import type { Desk } from "./desk";
import { flagWords } from "./flags";
import styles from "./Result.module.css";

/** The numbers of a result, wherever they come from. */
type Numbers = Pick<Metrics, "wpm" | "accuracy"> &
  Partial<Pick<Metrics, "rawWpm" | "consistency" | "chars" | "errors" | "durationMs" | "pausedMs" | "flags">>;

function numbersOf(session: Session): Numbers {
  const { metrics, chars, errors, durationMs, pausedMs, flags } = session.data;
  return {
    wpm: session.wpm,
    accuracy: session.accuracy,
    ...(metrics && { rawWpm: metrics.rawWpm, consistency: metrics.consistency }),
    ...(chars && { chars }),
    ...(errors && { errors }),
    ...(durationMs !== undefined && { durationMs }),
    ...(pausedMs !== undefined && { pausedMs }),
    ...(flags && { flags }),
  };
}

function Figure({ label, children, testId }: { label: string; children: ReactNode; testId: string }) {
  return (
    <div className={styles.figure}>
      <dt>{label}</dt>
      <dd data-testid={testId}>{children}</dd>
    </div>
  );
}

function Figures({ numbers }: { numbers: Numbers }) {
  const { chars, flags = [] } = numbers;
  return (
    <>
      <dl className={styles.main}>
        <Figure label="words per minute" testId="result-wpm">
          {formatNumber(numbers.wpm)}
        </Figure>
        <Figure label="accuracy" testId="result-accuracy">
          {formatPercent(numbers.accuracy)}
        </Figure>
      </dl>
      <dl className={styles.rest}>
        <Figure label="raw wpm" testId="result-raw">
          {formatNumber(numbers.rawWpm)}
        </Figure>
        <Figure label="consistency" testId="result-consistency">
          {formatPercent(numbers.consistency)}
        </Figure>
        <Figure label="time" testId="result-duration">
          {formatDuration(numbers.durationMs)}
          {numbers.pausedMs ? <small> + {formatDuration(numbers.pausedMs)} paused</small> : null}
        </Figure>
        <Figure label="characters right / wrong / extra / missed" testId="result-characters">
          {chars ? `${chars.correct} / ${chars.incorrect} / ${chars.extra} / ${chars.missed}` : "–"}
        </Figure>
      </dl>
      {flags.length > 0 && (
        <p className={styles.flags} data-testid="result-flags">
          {flags.map((flag) => (
            <Chip key={flag} tone="warn">
              {flagWords[flag]}
            </Chip>
          ))}
          <span>Kept in your history, left out of averages and bests.</span>
        </p>
      )}
    </>
  );
}

interface FrameProps {
  title: string;
  note: ReactNode;
  children: ReactNode;
  id?: string;
}

function Frame({ title, note, children, id }: FrameProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <section className={styles.result} data-testid="result" data-session-id={id}>
      <header className={styles.head}>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        <div className={styles.note}>{note}</div>
      </header>
      {children}
    </section>
  );
}

export function SavedResult({ desk, session, title }: { desk: Desk; session: Session; title: string }) {
  const { id } = session;
  const { value } = useReading(useCallback((kf: KeyFlow) => kf.get(id), [id]));
  const sync = value?.sync ?? session.sync;
  const note = (
    <>
      <span data-testid="result-saved">Saved on this device</span>
      {/* "On this device" next to "saved on this device" would say it twice. */}
      {sync !== "local" && <SyncChip state={sync} />}
    </>
  );
  return (
    <Frame title={title} note={note} id={id}>
      <Figures numbers={numbersOf(session)} />
      <div className={styles.actions}>
        <Button look="primary" testId="next-text" onClick={() => void desk.begin()}>
          Next text
        </Button>
        <Button testId="same-text" onClick={() => void desk.repeat()}>
          Same text again
        </Button>
      </div>
    </Frame>
  );
}

interface UnsavedProps {
  desk: Desk;
  error: unknown;
  metrics: Metrics | undefined;
  title: string;
}

export function UnsavedResult({ desk, error, metrics, title }: UnsavedProps) {
  const [copied, setCopied] = useState<"yes" | "refused">();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(desk.asJson());
      setCopied("yes");
    } catch {
      setCopied("refused");
    }
  };
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, []);
  return (
    <Frame title={title} note={<span data-testid="result-not-saved">Not saved yet. It is held in this tab only.</span>}>
      <Problem
        error={error}
        testId="save-error"
        actions={
          <>
            <Button look="primary" testId="save-retry" onClick={() => void desk.finish()}>
              Try to save again
            </Button>
            <Button testId="copy-json" onClick={() => void copy()}>
              {copied === "yes" ? "Copied" : "Copy as JSON"}
            </Button>
            <ConfirmButton
              question="This result will be lost. Go on without it?"
              confirm="Give it up"
              testId="give-up"
              onConfirm={() => void desk.begin()}
            >
              Go on without saving
            </ConfirmButton>
          </>
        }
      />
      {copied === "refused" && (
        <label className={styles.manual}>
          The clipboard is not available. Select this text and copy it:
          <textarea readOnly rows={6} value={desk.asJson()} onFocus={(event) => event.currentTarget.select()} />
        </label>
      )}
      {metrics && <Figures numbers={metrics} />}
    </Frame>
  );
}
