/*! What a user waits for, in real Chromium: saving beside the same rows written by hand, and the first key after a load. */
import { Device } from "../e2e/device.mjs";
import { serveFiles } from "../e2e/files.mjs";
import { Server } from "../e2e/server.mjs";

/** Runs in the page: saves and writes by hand in turns, so that both meet the same machine. */
async function saves(count) {
  const { default: init, KeyFlow } = await import("/pkg/web.js");
  await init();
  const kf = await KeyFlow.open({ name: `bench-${Math.random()}`, storage: "indexeddb" });
  const keys = Object.fromEntries([..."abcdefghijklmnopqrstuvwxyz ,."].map((key) => [key, { hit: 40, miss: 2, ms: 6120.5, n: 38 }]));
  const data = { schema: 1, profile: "KF-1", durationMs: 60_000, keys, perSecond: { raw: Array(60).fill(84), wpm: Array(60).fill(80), errors: Array(60).fill(1) } };
  const session = (n) => ({ id: `s-${n}`, timestamp: 1_700_000_000_000 + n, text: "the quick brown fox ".repeat(60), wpm: 80, accuracy: 96, data });
  const bytes = JSON.stringify(session(0)).length;
  const open = indexedDB.open(`hand-${Math.random()}`, 1);
  open.onupgradeneeded = () => ["meta", "index", "body", "op"].forEach((name) => open.result.createObjectStore(name));
  const db = await new Promise((done, fail) => {
    open.onsuccess = () => done(open.result);
    open.onerror = () => fail(open.error);
  });
  // The same rows in one strict transaction, with nothing decided about them.
  const byHand = (n) =>
    new Promise((done, fail) => {
      const tx = db.transaction(["meta", "index", "body", "op"], "readwrite", { durability: "strict" });
      tx.oncomplete = () => done(undefined);
      tx.onabort = () => fail(tx.error);
      tx.objectStore("meta").get("head").onsuccess = () => {
        tx.objectStore("index").put(JSON.stringify({ summary: { wpm: 80, accuracy: 96, timestamp: n } }), `session/s-${n}`);
        tx.objectStore("body").put(JSON.stringify(session(n)), `op/${n}/session/s-${n}`);
        tx.objectStore("op").put(JSON.stringify({ id: String(n), record: `session/s-${n}`, attempts: 0, status: "pending" }), String(n));
        tx.objectStore("meta").put(JSON.stringify({ generation: n, recent: Array(24).fill("index/session/s-0") }), "head").onsuccess = () => tx.commit();
      };
    });
  const times = { save: [], hand: [] };
  for (let n = 0; n < count; n += 1) {
    let start = performance.now();
    await kf.save(session(n));
    times.save.push(performance.now() - start);
    start = performance.now();
    await byHand(n);
    times.hand.push(performance.now() - start);
  }
  const stored = (await kf.list({ limit: count })).length;
  if (stored !== count) throw new Error(`${stored} of ${count} sessions are there`);
  await kf.close();
  return { ...times, bytes };
}

function at(times, share) {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

const ms = (value) => value.toFixed(2).padStart(8);

const files = await serveFiles();
const bench = await Device.blank(`${files.origin}/blank`);
const { save, hand, bytes } = await bench.page.evaluate(saves, 500);
await bench.close();
files.close();
console.log(`save() of ${bytes} bytes, strict, 500 in turns with the same rows by hand (ms)`);
console.log(`              median      p99`);
console.log(`save()      ${ms(at(save, 0.5))} ${ms(at(save, 0.99))}`);
console.log(`by hand     ${ms(at(hand, 0.5))} ${ms(at(hand, 0.99))}`);
console.log(`ratio       ${ms(at(save, 0.5) / at(hand, 0.5))} ${ms(at(save, 0.99) / at(hand, 0.99))}`);

const server = await Server.start();
const readyAt = [];
for (let run = 0; run < 7; run += 1) {
  const device = await Device.open(server.origin);
  readyAt.push(await device.page.evaluate(() => performance.getEntriesByName("keyflow-ready")[0].startTime));
  await device.close();
}
await server.remove();
console.log(`first key accepted after the start of a load, new profile, 7 runs (ms): median ${ms(at(readyAt, 0.5))}, worst ${ms(at(readyAt, 1))}`);
