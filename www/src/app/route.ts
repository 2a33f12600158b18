/*! Which screen the address names. The part behind `#` alone decides, so that any host and the desktop window serve alike. */
import { useSyncExternalStore } from "react";

export const routes = ["typing", "history", "devices", "conflicts"] as const;
export type Route = (typeof routes)[number];

/** The screen for `hash`; the typing screen for one that is not known. */
export function routeOf(hash: string): Route {
  const name = hash.replace(/^#\/?/, "");
  return routes.find((route) => route === name) ?? "typing";
}

export function hrefOf(route: Route): string {
  return route === "typing" ? "#/" : `#/${route}`;
}

function subscribe(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}

export function useRoute(): Route {
  return useSyncExternalStore(subscribe, () => routeOf(window.location.hash));
}
