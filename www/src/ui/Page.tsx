/*! The frame of a screen: a heading that takes the focus when the screen opens, and what follows it. */
import { useEffect, useRef, type ReactNode } from "react";
import styles from "./Page.module.css";

interface PageProps {
  title: string;
  intro?: ReactNode;
  children: ReactNode;
  testId?: string;
}

export function Page({ title, intro, children, testId }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus();
  }, []);
  return (
    <section className={styles.page} data-testid={testId}>
      <header className={styles.head}>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {intro !== undefined && <p className={styles.intro}>{intro}</p>}
      </header>
      {children}
    </section>
  );
}
