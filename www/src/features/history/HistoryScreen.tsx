/*! All sessions known to this device, the newest first, each with how far it has come. */
import { useCallback, useState } from "react";
import { useReading, type KeyFlow } from "../../core";
import { Button } from "../../ui/Button";
import { Page } from "../../ui/Page";
import { Problem } from "../../ui/Problem";
import styles from "./history.module.css";
import { newest } from "./load";
import { Row } from "./Row";

const PAGE = 50;

export function HistoryScreen() {
  const [count, setCount] = useState(PAGE);
  const { value, error, reload } = useReading(useCallback((kf: KeyFlow) => newest(kf, count), [count]));
  return (
    <Page title="History" testId="history">
      <Problem error={error} actions={<Button onClick={reload}>Try again</Button>} />
      {value && value.rows.length === 0 && (
        <p className={styles.empty} data-testid="history-empty">
          Nothing here yet. <a href="#/">Type a text</a> and it appears at once, with or without a network.
        </p>
      )}
      {value && value.rows.length > 0 && (
        <ol className={styles.list} data-testid="history-list" aria-label="Sessions, the newest first">
          {value.rows.map((row) => (
            <Row key={row.id} session={row} />
          ))}
        </ol>
      )}
      {value?.more && (
        <div>
          <Button testId="load-more" onClick={() => setCount(count + PAGE)}>
            Load more
          </Button>
        </div>
      )}
    </Page>
  );
}
