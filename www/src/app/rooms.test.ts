import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const src = resolve(fileURLToPath(new URL("..", import.meta.url)));
const modules = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((path) => /(?<!\.test)\.tsx?$/.test(path));

/** Every import of a module: of a file below `src` as its path there, of a package by its name. */
function imports(path: string): string[] {
  const text = readFileSync(join(src, path), "utf8");
  return [...text.matchAll(/(?:from|import)\s+"([^"]+)"/g)].map(([, name = ""]) =>
    name.startsWith(".") ? relative(src, resolve(src, dirname(path), name)) : name,
  );
}

function room(path: string): string {
  const [first = "", second = ""] = path.split("/");
  return first === "features" ? `features/${second}` : first;
}

test("the imports of the page are found", () => {
  expect(modules.length).toBeGreaterThan(30);
  expect(imports("main.tsx")).toContain("app/App");
});

test("features never import each other", () => {
  for (const path of modules.filter((module) => module.startsWith("features/"))) {
    for (const used of imports(path).filter((name) => name.startsWith("features/"))) {
      expect(`${path} -> ${room(used)}`).toBe(`${path} -> ${room(path)}`);
    }
  }
});

test("only the core talks to the wasm package", () => {
  const users = modules.filter((path) => imports(path).some((name) => name.startsWith("@keyflow/")));
  expect(users).toEqual(["core/keyflow.ts"]);
});

test("nothing below the app imports it, and core and texts import no feature and no ui", () => {
  for (const path of modules) {
    const used = new Set(imports(path).map(room));
    if (room(path) !== "app" && path !== "main.tsx") expect(used.has("app"), path).toBe(false);
    if (["core", "texts", "ui"].includes(room(path))) {
      expect([...used].filter((name) => name.startsWith("features/")), path).toEqual([]);
    }
    if (["core", "texts"].includes(room(path))) expect(used.has("ui"), path).toBe(false);
  }
});
