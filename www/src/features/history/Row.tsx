/*! One session of the history: its numbers, its state, its note, and what can be done with it. */
import { memo, useState } from "react";
import { useAction, useKeyFlow, type SessionSummary } from "../../core";
import { Button, ConfirmButton } from "../../ui/Button";
import { formatDuration, formatNumber, formatPercent, formatWhen } from "../../ui/format";
import { Problem } from "../../ui/Problem";
import { SyncChip } from "../../ui/SyncChip";
import styles from "./history.module.css";
import { modeWords } from "./modes";
import { Note } from "./Note";

export const Row = memo(
  function Row({ session }: { session: SessionSummary }) {
    const kf = useKeyFlow();
    const [editing, setEditing] = useState(false);
    const remove = useAction(async () => {
      // A session that is only on the server is fetched first; it cannot be changed unseen.
      await kf.get(session.id);
      await kf.remove(session.id);
    });
    const when = formatWhen(session.timestamp);
    return (
      <li
        className={styles.row}
        data-testid="history-row"
        data-session-id={session.id}
        data-sync-state={session.sync}
        aria-label={`Session of ${when}`}
      >
        <div className={styles.numbers}>
          <span className={styles.wpm}>
            <b data-testid="row-wpm">{formatNumber(session.wpm)}</b> wpm
          </span>
          <span data-testid="row-accuracy">{formatPercent(session.accuracy)}</span>
        </div>
        <div className={styles.about}>
          <span data-testid="row-mode">{modeWords(session.mode)}</span>
          <span className={styles.when}>
            <time dateTime={new Date(session.timestamp).toISOString()}>{when}</time>
            {session.durationMs !== undefined && <> · {formatDuration(session.durationMs)}</>}
            {session.valid === false && <> · does not count</>}
          </span>
        </div>
        <SyncChip state={session.sync} />
        <div className={styles.actions}>
          <Button look="quiet" testId="edit-note" aria-expanded={editing} onClick={() => setEditing(!editing)}>
            {session.note ? "Edit note" : "Add note"}
          </Button>
          <ConfirmButton
            testId="delete-session"
            question="Delete this session on all your devices?"
            confirm="Delete"
            disabled={remove.busy}
            onConfirm={() => void remove.run()}
          >
            Delete
          </ConfirmButton>
        </div>
        {editing ? (
          <Note sessionId={session.id} onDone={() => setEditing(false)} />
        ) : (
          session.note && (
            <p className={styles.note} data-testid="note">
              {session.note}
            </p>
          )
        )}
        <Problem error={remove.error} />
      </li>
    );
  },
  (before, after) =>
    before.session.id === after.session.id &&
    before.session.version === after.session.version &&
    before.session.sync === after.session.sync,
);
