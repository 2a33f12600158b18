/*! What the rest of the page may use of the core. */
export * from "./keyflow";
export * from "./hooks";
export * from "./errors";
export { keepStorage } from "./persist";
