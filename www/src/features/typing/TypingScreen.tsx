/*! The screen one types on: choose an exercise, type, see the result. */
import { useCallback, useEffect, useSyncExternalStore } from "react";
import { useAction, useKeyFlow, useReading, type KeyFlow, type SessionState } from "../../core";
import { exercises, type Exercise } from "../../texts/choose";
import { Button } from "../../ui/Button";
import { formatNumber, formatPercent } from "../../ui/format";
import { Problem } from "../../ui/Problem";
import { deskOf, type Desk, type DeskView } from "./desk";
import { LiveStats } from "./LiveStats";
import { SavedResult, UnsavedResult } from "./Result";
import { Resumable } from "./Resumable";
import styles from "./typing.module.css";
import { TypingArea } from "./TypingArea";

/** Name of the setting that hides the numbers while typing; kept with the user's settings on all devices. */
const HIDE_LIVE = "hideLiveStats";

function same(a: Exercise, b: Exercise): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function Modes({ desk, current }: { desk: Desk; current: Exercise }) {
  return (
    <div className={styles.modes} role="radiogroup" aria-label="Exercise">
      {exercises.map(({ id, label, exercise }) => (
        <label key={id} className={styles.mode}>
          <input
            type="radio"
            name="exercise"
            data-testid={`mode-${id}`}
            checked={same(exercise, current)}
            onChange={() => void desk.begin(exercise)}
          />
          <span>{label}</span>
        </label>
      ))}
    </div>
  );
}

const stateWords: Partial<Record<SessionState, string>> = { running: "Started", paused: "Paused" };

/** What a screen reader is told: the start, a pause, the result; never the running numbers. */
function announcement({ stage, state }: DeskView): string {
  if (stage.name === "saving") return "Saving";
  if (stage.name === "unsaved") return "Finished, but not saved yet";
  if (stage.name !== "saved") return stateWords[state] ?? "";
  const { wpm, accuracy } = stage.session;
  return `Finished and saved on this device: ${formatNumber(wpm)} words per minute, ${formatPercent(accuracy)} accuracy`;
}

function Typing({ desk, view }: { desk: Desk; view: DeskView }) {
  const { value: settings } = useReading(useCallback((kf: KeyFlow) => kf.settings(), []));
  const kf = useKeyFlow();
  const hide = useAction((hidden: boolean) => kf.setSettings({ [HIDE_LIVE]: hidden }));
  const hidden = settings?.[HIDE_LIVE] === true;
  const fresh = view.state === "ready";
  return (
    <>
      {fresh && <Resumable desk={desk} />}
      <div className={styles.bar}>
        {hidden ? <div className={styles.stats} /> : <LiveStats key={view.attempt} desk={desk} running={view.state === "running"} />}
        <Modes desk={desk} current={view.exercise} />
      </div>
      <TypingArea desk={desk} view={view} />
      <div className={styles.foot}>
        <div>
          <Button testId="restart" onClick={() => void desk.begin()}>
            {fresh ? "Other text" : "Restart"}
          </Button>
          {!fresh && (
            <Button look="quiet" testId="finish" onClick={() => void desk.finish()}>
              Finish here
            </Button>
          )}
          <Button
            look="quiet"
            testId="toggle-live"
            aria-pressed={hidden}
            disabled={hide.busy}
            onClick={() => void hide.run(!hidden)}
          >
            {hidden ? "Show numbers" : "Hide numbers"}
          </Button>
        </div>
        <p className={styles.hint}>
          {view.capsLock ? (
            <strong data-testid="caps-lock">Caps Lock is on</strong>
          ) : (
            <span className={styles.keys}>
              <kbd>Tab</kbd> then <kbd>Enter</kbd> for another text, <kbd>Esc</kbd> to pause
            </span>
          )}
        </p>
      </div>
      <Problem error={view.warning} testId="checkpoint-warning" />
      <Problem error={hide.error} />
    </>
  );
}

function Stage({ desk, view }: { desk: Desk; view: DeskView }) {
  const { stage, title } = view;
  switch (stage.name) {
    case "starting":
      return null;
    case "typing":
      return <Typing desk={desk} view={view} />;
    case "saving":
      return (
        <p className={styles.hint} data-testid="saving">
          Saving on this device…
        </p>
      );
    case "saved":
      return <SavedResult desk={desk} session={stage.session} title={title} />;
    case "unsaved":
      return <UnsavedResult desk={desk} error={stage.error} metrics={stage.metrics} title={title} />;
    case "failed":
      return (
        <Problem
          error={stage.error}
          testId="start-error"
          actions={
            <Button look="primary" onClick={() => void desk.begin()}>
              Try again
            </Button>
          }
        />
      );
  }
}

export function TypingScreen() {
  const desk = deskOf(useKeyFlow());
  const view = useSyncExternalStore(desk.subscribe, desk.view);
  // Leaving the screen is looking away: the session waits on the desk.
  useEffect(() => () => desk.pause(), [desk]);
  return (
    <div className={styles.screen} data-testid="typing-screen" data-stage={view.stage.name}>
      <p className={styles.hidden} role="status">
        {announcement(view)}
      </p>
      <Stage desk={desk} view={view} />
    </div>
  );
}
