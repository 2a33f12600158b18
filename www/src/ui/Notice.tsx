/*! A boxed message: what happened, in words, with room for what can be done about it. */
import type { ReactNode } from "react";
import styles from "./Notice.module.css";

interface NoticeProps {
  kind: "info" | "warn" | "wrong";
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
  testId?: string;
  /** `alert` interrupts a screen reader; keep it for what the user must not miss. */
  role?: "alert" | "status";
}

export function Notice({ kind, title, children, actions, testId, role }: NoticeProps) {
  return (
    <div className={`${styles.notice} ${styles[kind]}`} data-testid={testId} role={role}>
      <p className={styles.title}>{title}</p>
      {children !== undefined && <div className={styles.body}>{children}</div>}
      {actions !== undefined && <div className={styles.actions}>{actions}</div>}
    </div>
  );
}
