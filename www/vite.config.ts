/*! How the page is built: one module graph, no inline scripts, the wasm package taken from ../pkg. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const pkg = new URL("../pkg/", import.meta.url);

/** The path a browser gets for an entry of a package's `exports`. */
function target(entry: unknown): string | undefined {
  if (typeof entry === "string") return entry;
  if (typeof entry !== "object" || entry === null) return undefined;
  const conditions = new Map(Object.entries(entry));
  return ["browser", "import", "default"].map((name) => target(conditions.get(name))).find((path) => path !== undefined);
}

/**
 * The package's module for browsers. The package is a build product that need not be there to install, to type-check
 * other parts or to run the tests of the page's own code.
 */
function entry(): string {
  const manifest = new URL("package.json", pkg);
  if (!existsSync(manifest)) return fileURLToPath(pkg);
  const { exports }: { exports?: { readonly ["."]?: unknown } } = JSON.parse(readFileSync(manifest, "utf8"));
  const path = target(exports?.["."]);
  if (path === undefined) throw new Error("../pkg/package.json exports no module for browsers");
  return fileURLToPath(new URL(path, pkg));
}

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@keyflow/sync": entry() } },
  server: {
    proxy: { "/api": "http://127.0.0.1:8787" },
    fs: { allow: [".", fileURLToPath(pkg)] },
  },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    // A strict content security policy has no room for data: scripts or styles; small assets stay files.
    assetsInlineLimit: 0,
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
