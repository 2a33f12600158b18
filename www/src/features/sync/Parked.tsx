/*! Changes the server refused or that were given up: visible until the user decides, never dropped. */
import { useCallback } from "react";
import { useAction, useKeyFlow, useReading, type KeyFlow, type Operation } from "../../core";
import { Button, ConfirmButton } from "../../ui/Button";
import { download, jsonFile } from "../../ui/download";
import { formatWhen, plural } from "../../ui/format";
import { Problem } from "../../ui/Problem";
import styles from "./sync.module.css";

const kinds: Record<Operation["type"], string> = {
  sync_session: "Session",
  sync_progress: "Practice time",
  sync_settings: "Settings",
};

function Entry({ operation }: { operation: Operation }) {
  const kf = useKeyFlow();
  const retry = useAction(() => kf.retry(operation.id));
  const discard = useAction(() => kf.discard(operation.id));
  const reason = [operation.parkedReason, operation.error].filter(Boolean).join(": ");
  return (
    <li className={styles.parked} data-testid="parked-operation" data-op-id={operation.id}>
      <p>
        <strong>{kinds[operation.type]}</strong> of {formatWhen(operation.timestamp)}
        <span className={styles.soft}>, after {plural(operation.attempts, "attempt")}</span>
      </p>
      <p className={styles.reason} data-testid="parked-reason">
        {reason || "No reason was given"}
      </p>
      <div className={styles.row}>
        <Button testId="parked-retry" disabled={retry.busy} onClick={() => void retry.run()}>
          Try again
        </Button>
        <Button
          testId="parked-export"
          onClick={() => download(`keyflow-change-${operation.id}.json`, jsonFile(operation))}
        >
          Export
        </Button>
        <ConfirmButton
          testId="parked-discard"
          question="This change will be lost; the server's version stays. Discard it?"
          confirm="Discard"
          disabled={discard.busy}
          onConfirm={() => void discard.run()}
        >
          Discard
        </ConfirmButton>
      </div>
      <Problem error={retry.error ?? discard.error} />
    </li>
  );
}

export function Parked() {
  const load = useCallback(
    async (kf: KeyFlow) => (await kf.operations()).filter((operation) => operation.status === "failed"),
    [],
  );
  const { value, error } = useReading(load);
  return (
    <>
      <Problem error={error} />
      {value && value.length > 0 && (
        <div>
          <h2>{plural(value.length, "change")} the server did not take</h2>
          <ul className={styles.list}>
            {value.map((operation) => (
              <Entry key={operation.id} operation={operation} />
            ))}
          </ul>
        </div>
      )}
    </>
  );
}
