/*! A failed action, shown where it was asked for. */
import type { ReactNode } from "react";
import { explain } from "../core";
import { Notice } from "./Notice";

interface ProblemProps {
  error: unknown;
  actions?: ReactNode;
  testId?: string;
}

/** Nothing when there is no error. */
export function Problem({ error, actions, testId = "problem" }: ProblemProps) {
  if (error === undefined) return null;
  const { title, help, detail } = explain(error);
  return (
    <Notice kind="wrong" role="alert" title={title} actions={actions} testId={testId}>
      {help} <small>({detail})</small>
    </Notice>
  );
}
