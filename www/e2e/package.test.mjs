/*! The package in a page without a bundler: a plain module script, real wasm, real IndexedDB. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Device } from "./device.mjs";
import { serveFiles } from "./files.mjs";

/** @type {Awaited<ReturnType<typeof serveFiles>>} */
let files;
/** @type {Device} */
let device;

before(async () => {
  files = await serveFiles();
  device = await Device.blank(`${files.origin}/pkg-config/fixtures/plain/index.html`);
});

after(async () => {
  await device?.close();
  files?.close();
});

async function result() {
  const shown = device.page.locator("#result").filter({ hasNotText: "running" });
  await shown.waitFor();
  return JSON.parse((await shown.textContent()) ?? "");
}

test("a plain module script measures, saves and finds a session", async () => {
  assert.deepEqual(await result(), { wpm: 200, found: true, count: 1, phase: "localOnly" });
});

test("the session is still there after the page was loaded again, beside the one it saves then", async () => {
  await device.page.reload();
  assert.equal((await result()).count, 2);
  assert.deepEqual(device.faults, []);
});
