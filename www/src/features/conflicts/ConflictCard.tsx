/*! One conflict: take one version whole, or the better of each field. */
import { useState } from "react";
import { useAction, useKeyFlow, type Conflict, type Side } from "../../core";
import { Button } from "../../ui/Button";
import { Chip } from "../../ui/Chip";
import { formatWhen } from "../../ui/format";
import { Problem } from "../../ui/Problem";
import styles from "./conflicts.module.css";
import { differences } from "./fields";

const kinds: Record<Conflict["kind"], string> = {
  session: "Session",
  progress: "Practice time",
  settings: "Settings",
};

/** `local` is the version that arrived at the server later, `remote` the one that was there before. */
const sides: Record<Side, string> = { local: "Arrived later", remote: "Was there before" };

export function ConflictCard({ conflict }: { conflict: Conflict }) {
  const kf = useKeyFlow();
  const current: Side = conflict.winner === "local" ? "local" : "remote";
  const [chosen, setChosen] = useState<Readonly<Record<string, Side>>>({});
  const rows = differences(conflict);
  const sideOf = (field: string) => chosen[field] ?? current;
  const resolve = useAction((choice: Side | "merge") =>
    choice === "merge"
      ? kf.resolve(conflict.id, "merge", Object.fromEntries(rows.map(({ field }) => [field, sideOf(field)])))
      : kf.resolve(conflict.id, choice),
  );
  const { timestamp } = conflict.remote;
  const started = typeof timestamp === "number" ? ` of ${formatWhen(timestamp)}` : "";
  const headings = (["local", "remote"] as const).map((side) => (
    <th key={side} scope="col">
      {sides[side]}
      <span className={styles.edited}>
        edited {formatWhen(conflict[side].lastModified)} {conflict.winner === side && <Chip tone="good">current</Chip>}
      </span>
    </th>
  ));
  return (
    <article
      className={styles.card}
      data-testid="conflict"
      data-conflict-id={conflict.id}
      data-session-id={conflict.sessionId}
    >
      <h2>
        {kinds[conflict.kind]}
        {started}
      </h2>
      <div className={styles.scroll}>
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">Field</th>
              {headings}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ field, label, ...values }) => (
              <tr key={field} data-testid="conflict-field" data-field={field}>
                <th scope="row">{label}</th>
                {(["local", "remote"] as const).map((side) => (
                  <td key={side}>
                    <span className={styles.side} aria-hidden="true">
                      {sides[side]}
                    </span>
                    <label className={styles.option}>
                      <input
                        type="radio"
                        name={`${conflict.id}/${field}`}
                        data-testid={`pick-${side}`}
                        aria-label={`${label}: ${sides[side].toLowerCase()}`}
                        checked={sideOf(field) === side}
                        onChange={() => setChosen({ ...chosen, [field]: side })}
                      />
                      <span>{values[side]}</span>
                    </label>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className={styles.actions}>
        <Button testId="resolve-local" disabled={resolve.busy} onClick={() => void resolve.run("local")}>
          Take the later arrival whole
        </Button>
        <Button testId="resolve-remote" disabled={resolve.busy} onClick={() => void resolve.run("remote")}>
          Take the earlier one whole
        </Button>
        <Button look="primary" testId="resolve-merge" disabled={resolve.busy} onClick={() => void resolve.run("merge")}>
          Use the fields marked above
        </Button>
      </div>
      <Problem error={resolve.error} />
    </article>
  );
}
