/*! What the sync did last, does next, and what keeps it; with the means to act. */
import { useEffect, useState, type ReactNode } from "react";
import { explain, useAction, useKeyFlow, type RoundReport, type Status } from "../../core";
import { Button } from "../../ui/Button";
import { formatRelative, plural } from "../../ui/format";
import { Problem } from "../../ui/Problem";
import { Parked } from "./Parked";
import styles from "./sync.module.css";
import { statusWords } from "./words";

function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const ticks = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(ticks);
  }, [everyMs]);
  return now;
}

function Fact({ label, children, testId }: { label: string; children: ReactNode; testId?: string }) {
  return (
    <>
      <dt>{label}</dt>
      <dd data-testid={testId}>{children}</dd>
    </>
  );
}

/** What a round did, without promising more than its report says. */
function reportWords({ pushed, pulled, conflicts, failed }: RoundReport): string {
  const parts = [
    `${plural(pushed, "change")} confirmed by the server`,
    `${plural(pulled, "change")} received`,
    ...(conflicts > 0 ? [plural(conflicts, "conflict")] : []),
    ...(failed > 0 ? [`${plural(failed, "change")} not confirmed`] : []),
  ];
  return `${parts.join(", ")}.`;
}

export function SyncDetails({ id, status }: { id: string; status: Status }) {
  const kf = useKeyFlow();
  const now = useNow(1000);
  const [report, setReport] = useState<RoundReport>();
  const sync = useAction(async () => {
    setReport(undefined);
    setReport(await kf.sync());
  });
  const { label, explanation } = statusWords(status);
  const { lastSyncedAt, nextAttemptAt, lastError, phase } = status;
  const hasServer = phase !== "localOnly" && phase !== "closed";
  return (
    <section id={id} className={styles.details} data-testid="sync-details" aria-label="Sync details">
      <div>
        <h2>{label}</h2>
        <p className={styles.explanation}>{explanation}</p>
      </div>
      <dl className={styles.facts}>
        <Fact label="Waiting to be sent" testId="sync-pending">
          {plural(status.pending, "change")}
          {status.oldestPendingMs !== null && (
            <span className={styles.soft}>, the oldest from {formatRelative(now - status.oldestPendingMs, now)}</span>
          )}
        </Fact>
        <Fact label="Last confirmed" testId="sync-last">
          {lastSyncedAt === null ? "never" : formatRelative(lastSyncedAt, now)}
        </Fact>
        {nextAttemptAt !== null && (
          <Fact label="Next attempt" testId="sync-next">
            {nextAttemptAt <= now ? "now" : formatRelative(nextAttemptAt, now)}
          </Fact>
        )}
        {status.conflicts > 0 && (
          <Fact label="Conflicts">
            <a href="#/conflicts">{plural(status.conflicts, "choice")} waiting for you</a>
          </Fact>
        )}
        {status.damaged > 0 && (
          <Fact label="Not readable" testId="sync-damaged">
            {plural(status.damaged, "stored entry", "stored entries")} could not be read. Nothing was deleted: they are kept
            aside, and everything else is used.
          </Fact>
        )}
        {lastError !== null && (
          <Fact label="Last failure" testId="sync-error">
            {lastError.message} <span className={styles.soft}>({formatRelative(lastError.at, now)})</span>
          </Fact>
        )}
      </dl>
      {hasServer && (
        <div className={styles.row}>
          <Button look="primary" testId="sync-now" disabled={sync.busy} onClick={() => void sync.run()}>
            {sync.busy ? "Trying…" : "Try now"}
          </Button>
          <span role="status" className={styles.soft} data-testid="sync-report">
            {sync.error !== undefined ? explain(sync.error).title : report && reportWords(report)}
          </span>
        </div>
      )}
      {explainable(sync.error) && <Problem error={sync.error} />}
      <Parked />
    </section>
  );
}

/** Failures to reach the server are ordinary and told in one line; all others get a box. */
function explainable(error: unknown): boolean {
  return error !== undefined && explain(error).code !== "unreachable";
}
