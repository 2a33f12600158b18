/*! Buttons: a plain one, and one that asks again before it acts. */
import { useState, type ButtonHTMLAttributes } from "react";
import styles from "./Button.module.css";

type Look = "plain" | "primary" | "quiet" | "danger";

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  testId?: string | undefined;
}

export function Button({ look = "plain", testId, className, type = "button", ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      data-testid={testId}
      className={[styles.button, styles[look], className].filter(Boolean).join(" ")}
      {...rest}
    />
  );
}

interface ConfirmProps {
  children: string;
  /** The question, a full sentence that names what is lost. */
  question: string;
  /** The word on the button that does it. */
  confirm: string;
  onConfirm: () => void;
  testId?: string;
  disabled?: boolean;
}

/** A button for something that cannot be undone: the first press asks, the second acts. */
export function ConfirmButton({ children, question, confirm, onConfirm, testId, disabled = false }: ConfirmProps) {
  const [asking, setAsking] = useState(false);
  if (!asking) {
    return (
      <Button look="quiet" testId={testId} disabled={disabled} onClick={() => setAsking(true)}>
        {children}
      </Button>
    );
  }
  return (
    <span className={styles.confirm} role="group" aria-label={question}>
      <span className={styles.question}>{question}</span>
      <Button
        look="danger"
        testId={testId && `${testId}-confirm`}
        autoFocus
        onClick={() => {
          setAsking(false);
          onConfirm();
        }}
      >
        {confirm}
      </Button>
      <Button look="quiet" onClick={() => setAsking(false)}>
        Keep
      </Button>
    </span>
  );
}
