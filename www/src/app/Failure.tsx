/*! A full page for what keeps the whole app from working: what happened, what is safe, what to do. */
import { useEffect, useRef, type ReactNode } from "react";
import { explain } from "../core";
import styles from "./App.module.css";

export function Failure({ error, children, testId }: { error: unknown; children: ReactNode; testId: string }) {
  const { title, help, detail, code } = explain(error);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <section className={styles.failure} data-testid={testId} data-code={code}>
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      <p className={styles.help}>{help}</p>
      <p className={styles.detail}>
        {code}: {detail}
      </p>
      <div className={styles.actions}>{children}</div>
    </section>
  );
}
