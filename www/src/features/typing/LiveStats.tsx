/*! Speed, accuracy and time while typing, four times a second and apart from the text, so that keys stay fast. */
import { useEffect, useState } from "react";
import type { Live } from "../../core";
import { formatClock, formatPercent } from "../../ui/format";
import type { Desk } from "./desk";
import styles from "./typing.module.css";

const TICK_MS = 250;

/** The clock: what is left of a time test, rounded up so that 0 means over; else what has passed. */
function clock(live: Live): string {
  return live.remainingMs === null ? formatClock(live.elapsedMs) : formatClock(Math.ceil(live.remainingMs / 1000) * 1000);
}

export function LiveStats({ desk, running }: { desk: Desk; running: boolean }) {
  const [live, setLive] = useState<Live>();
  useEffect(() => {
    const read = () => setLive(desk.live());
    read();
    if (!running) return;
    const ticks = setInterval(read, TICK_MS);
    return () => clearInterval(ticks);
  }, [desk, running]);

  const shown = live !== undefined && live.elapsedMs > 0;
  return (
    <div className={styles.stats} data-testid="live-stats" aria-hidden="true">
      <span className={styles.stat}>
        <b data-testid="live-wpm">{shown ? Math.round(live.wpm) : "–"}</b>
        <span>wpm</span>
      </span>
      <span className={styles.stat}>
        <b data-testid="live-accuracy">{shown ? formatPercent(Math.round(live.accuracy)) : "–"}</b>
        <span>accuracy</span>
      </span>
      <span className={styles.stat}>
        <b data-testid="live-time">{live ? clock(live) : "–"}</b>
        <span>{live && live.remainingMs !== null ? "left" : "time"}</span>
      </span>
    </div>
  );
}
