/*! Two devices, one user: typed offline, synced later, linked by a code, and not one session lost when the server dies. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { answerLost, atNextPush, killedMidway } from "./cut.mjs";
import { Device } from "./device.mjs";
import { Server } from "./server.mjs";

/** @type {Server} */
let server;
/** @type {Device} */
let first;
/** @type {Device} */
let second;
/** Every session typed so far on the first device. @type {string[]} */
const typed = [];

before(async () => {
  server = await Server.start();
  [first, second] = await Promise.all([Device.open(server.origin), Device.open(server.origin)]);
});

after(async () => {
  await Promise.allSettled([first?.close(), second?.close()]);
  await server?.remove();
});

/** @param {string[]} ids */
function sorted(ids) {
  return [...ids].sort();
}

test("a session typed without a network is saved at once and queued", async () => {
  await first.offline();
  const id = await first.typeSession();
  typed.push(id);
  const rows = await first.history();
  assert.deepEqual(rows.map((row) => row.id), [id]);
  assert.equal(rows[0]?.state, "queued");
  const badge = await first.badge();
  assert.ok(badge.pending >= 1, "the badge counts it as waiting");
  assert.doesNotMatch(badge.label, /synced/i);
});

test("it is still there after the page was opened anew", async () => {
  // The page itself comes from the server, so only this reload has a network; nothing may depend on it.
  await first.offline(false);
  await first.page.reload();
  assert.deepEqual((await first.history()).map((row) => row.id), typed);
});

test("with the network back it becomes synced by itself", async () => {
  await first.offline(false);
  for (const id of typed) await first.sees(id, "synced");
  await first.settled();
  assert.match((await first.badge()).label, /synced/i);
});

test("a device that joins with a code shows the session", async () => {
  const own = await second.typeSession();
  const code = await first.linkCode();
  await second.join(code);
  for (const id of typed) await second.sees(id, "synced");
  // What was typed on it before stays its own and reaches the user it joined.
  await second.sees(own, "synced");
  await first.syncNow();
  await first.sees(own, "synced");
  typed.push(own);
});

test("both devices are listed, each knowing which one it is", async () => {
  for (const device of [first, second]) assert.deepEqual(sorted(await device.devices()), ["false", "true"]);
});

test("a server that dies after storing a push, before answering, loses and doubles nothing", async () => {
  await first.offline();
  const fresh = [await first.typeSession(), await first.typeSession(), await first.typeSession()];
  typed.push(...fresh);
  const accident = atNextPush(first, answerLost(server));
  await first.offline(false);
  const { ids, status } = await accident.done;
  assert.equal(status, 200, "the server had stored the push");
  assert.ok(ids.length > 0 && ids.every((id) => fresh.includes(id)), "the push held what was waiting");
  assert.ok((await first.badge()).pending >= ids.length, "an unanswered push is still waiting");

  await server.restart();
  for (const id of fresh) await first.sees(id, "synced");
  await first.settled();
});

test("a server that dies while a push is on its way loses and doubles nothing", async () => {
  await first.offline();
  const fresh = [await first.typeSession(), await first.typeSession(), await first.typeSession()];
  typed.push(...fresh);
  const accident = atNextPush(first, killedMidway(server));
  await first.offline(false);
  const { ids } = await accident.done;
  assert.ok(ids.length > 0 && ids.every((id) => fresh.includes(id)), "the push held what was waiting");

  await server.restart();
  for (const id of fresh) await first.sees(id, "synced");
  await first.settled();
});

test("in the end both devices show the same sessions, each once, and the server finds no fault", async () => {
  await second.syncNow();
  for (const id of typed) await second.sees(id, "synced");
  for (const device of [first, second]) {
    const rows = await device.history();
    assert.deepEqual(sorted(rows.map((row) => row.id)), sorted(typed));
    assert.deepEqual([...new Set(rows.map((row) => row.state))], ["synced"]);
    const { pending, parked, conflicts } = await device.badge();
    assert.deepEqual({ pending, parked, conflicts }, { pending: 0, parked: 0, conflicts: 0 });
    assert.deepEqual(device.faults, []);
  }
  await server.check();
});
