import { expect, test } from "vitest";
import { hrefOf, routeOf, routes } from "./route";

test("each screen is found under its own address", () => {
  for (const route of routes) expect(routeOf(hrefOf(route))).toBe(route);
});

test("an address that names no screen leads to typing", () => {
  for (const hash of ["", "#", "#/", "#/nowhere", "#/typing/deeper"]) expect(routeOf(hash)).toBe("typing");
});
