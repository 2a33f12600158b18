/*! Catches what broke while a screen was drawn, so that a fault costs one screen and never shows a blank page. */
import { Component, type ReactNode } from "react";
import { Button } from "../ui/Button";
import { Failure } from "./Failure";

interface State {
  readonly broken: { readonly error: unknown } | undefined;
}

export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { broken: undefined };

  static getDerivedStateFromError(error: unknown): State {
    return { broken: { error } };
  }

  override render(): ReactNode {
    const { broken } = this.state;
    if (!broken) return this.props.children;
    return (
      <Failure error={broken.error} testId="screen-failure">
        <Button look="primary" onClick={() => this.setState({ broken: undefined })}>
          Try again
        </Button>
        <Button onClick={() => window.location.reload()}>Reload the page</Button>
      </Failure>
    );
  }
}
