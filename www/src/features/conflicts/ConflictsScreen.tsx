/*! Edits that met: both versions side by side, nothing lost, the user's choice. */
import { useReading, type KeyFlow } from "../../core";
import { Button } from "../../ui/Button";
import { Page } from "../../ui/Page";
import { Problem } from "../../ui/Problem";
import { ConflictCard } from "./ConflictCard";
import styles from "./conflicts.module.css";

const load = (kf: KeyFlow) => kf.conflicts();

export function ConflictsScreen() {
  const { value, error, reload } = useReading(load);
  return (
    <Page
      title="Conflicts"
      testId="conflicts"
      intro="When the same thing is edited on two devices before they sync, both versions are kept here until you choose."
    >
      <Problem error={error} actions={<Button onClick={reload}>Try again</Button>} />
      {value && value.length === 0 && (
        <p className={styles.soft} data-testid="conflicts-empty">
          There is nothing to choose.
        </p>
      )}
      <div className={styles.cards}>
        {value?.map((conflict) => (
          <ConflictCard key={conflict.id} conflict={conflict} />
        ))}
      </div>
    </Page>
  );
}
