/*! Starts the page. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { ErrorBoundary } from "./app/ErrorBoundary";
import { start } from "./core";
import "./ui/tokens.css";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has an element with the id root");
start();
createRoot(root).render(
  <StrictMode>
    <ErrorBoundary>
      <App />
    </ErrorBoundary>
  </StrictMode>,
);
