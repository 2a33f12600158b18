/*! How the page is built: one module graph, no inline scripts, the wasm package taken from ../pkg. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const pkg = fileURLToPath(new URL("../pkg/", import.meta.url));

/** The package's entry module. It is a build product, so that tests of the page's own code run without it. */
function entry(): string {
  if (!existsSync(`${pkg}package.json`)) return pkg;
  const manifest: unknown = JSON.parse(readFileSync(`${pkg}package.json`, "utf8"));
  const main = typeof manifest === "object" && manifest !== null && "main" in manifest ? manifest.main : undefined;
  if (typeof main !== "string") throw new Error("../pkg/package.json names no main module");
  return fileURLToPath(new URL(main, new URL("../pkg/", import.meta.url)));
}

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@keyflow/sync": entry() } },
  server: {
    proxy: { "/api": "http://127.0.0.1:8787" },
    fs: { allow: [".", pkg] },
  },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    // A strict content security policy has no room for data: scripts or styles; small assets stay files.
    assetsInlineLimit: 0,
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
