/*! The state of the sync in the header, and its details on demand. */
import { useEffect, useId, useRef, useState } from "react";
import { useStatus } from "../../core";
import { Chip } from "../../ui/Chip";
import { SyncDetails } from "./SyncDetails";
import styles from "./sync.module.css";
import { statusWords } from "./words";

export function SyncBadge() {
  const status = useStatus();
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const { label, tone } = statusWords(status);

  useEffect(() => {
    if (!open) return;
    const outside = (event: PointerEvent) => {
      if (event.target instanceof Node && !box.current?.contains(event.target)) setOpen(false);
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      setOpen(false);
      button.current?.focus();
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("keydown", escape);
    };
  }, [open]);

  return (
    <div ref={box} className={styles.box}>
      <button
        ref={button}
        type="button"
        className={styles.badge}
        data-testid="sync-badge"
        data-phase={status.phase}
        data-pending={status.pending}
        data-parked={status.parked}
        data-conflicts={status.conflicts}
        aria-expanded={open}
        aria-controls={id}
        aria-label={`Sync: ${label}. Details`}
        onClick={() => setOpen(!open)}
      >
        <Chip tone={tone}>{label}</Chip>
      </button>
      {open && <SyncDetails id={id} status={status} />}
    </div>
  );
}
