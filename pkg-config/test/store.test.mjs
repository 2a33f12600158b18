//! A store in memory, without a server, through every call that needs none.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import init, { KeyFlow, isKeyFlowError } from '@keyflow/sync';

await init();

let stores = 0;
/** A store of its own for each test, closed when the test is over. */
async function opened(t, options = {}) {
  const kf = await KeyFlow.open({ name: `test-${(stores += 1)}`, ...options });
  t.after(() => kf.close());
  return kf;
}

const SESSION = { timestamp: 1_700_000_000_000, text: 'The quick', wpm: 85, accuracy: 96.5, data: { mine: [1, null] } };

/** Passes for an error of this package with this code and field. */
const refusal = (code, field) => (error) => {
  assert.ok(isKeyFlowError(error), String(error));
  assert.deepEqual([error.code, error.field], [code, field], error.message);
  return true;
};

test('a saved session is what get and list give', async (t) => {
  const kf = await opened(t);
  const saved = await kf.save({ ...SESSION, ownField: 'kept' });
  assert.match(saved.id, /^[\da-f-]{36}$/);
  assert.equal(saved.sync, 'local');
  assert.equal(saved.deleted, false);
  assert.equal(saved.base, null);
  assert.equal(saved.version.length, 34);
  assert.deepEqual(saved.data, SESSION.data);
  assert.equal(saved.ownField, 'kept');
  assert.ok(Math.abs(saved.lastModified - Date.now()) < 60_000);
  assert.deepEqual(await kf.get(saved.id), saved);
  const [listed, ...others] = await kf.list();
  assert.equal(others.length, 0);
  for (const name of ['id', 'wpm', 'accuracy', 'timestamp', 'lastModified', 'version', 'sync']) {
    assert.equal(listed[name], saved[name], name);
  }
});

test('saving the same id again edits that session', async (t) => {
  const kf = await opened(t);
  const first = await kf.save({ ...SESSION, id: 'mine' });
  const second = await kf.save({ ...SESSION, id: 'mine', wpm: 90 });
  assert.equal(second.base, null, 'the server has had no version of it');
  assert.ok(second.version > first.version);
  assert.equal((await kf.list()).length, 1);
});

test('an update changes only what it names, and null removes', async (t) => {
  const kf = await opened(t);
  const { id } = await kf.save({ ...SESSION, note: 'tired', tags: ['a'] });
  const updated = await kf.update(id, { note: null, tags: ['b', 'c'] });
  assert.equal('note' in updated, false);
  assert.deepEqual(updated.tags, ['b', 'c']);
  assert.equal(updated.text, SESSION.text);
  assert.deepEqual(await kf.get(id), updated);
});

test('a removed session leaves the list, stays to be seen, and can be restored', async (t) => {
  const kf = await opened(t);
  const { id } = await kf.save(SESSION);
  await kf.remove(id);
  assert.deepEqual(await kf.list(), []);
  assert.equal((await kf.get(id)).deleted, true);
  await kf.remove(id);
  assert.equal((await kf.update(id, { deleted: false })).deleted, false);
  assert.deepEqual((await kf.list()).map((session) => session.id), [id]);
  assert.equal((await kf.get(id)).text, SESSION.text);
});

test('a session that was read can be saved as it is, also after it was removed', async (t) => {
  const kf = await opened(t);
  const saved = await kf.save(SESSION);
  assert.deepEqual(await kf.save(saved), saved, 'nothing changed, so nothing is queued');
  await kf.remove(saved.id);
  const restored = await kf.save(saved);
  assert.equal(restored.deleted, false);
  assert.deepEqual(restored.data, saved.data);
});

test('lists go from the newest start and page without a gap, also between equal starts', async (t) => {
  const kf = await opened(t);
  for (const [id, timestamp] of [['a', 1], ['b', 3], ['c', 2], ['d', 2]]) {
    await kf.save({ ...SESSION, id, timestamp });
  }
  const seen = [];
  for (let page = await kf.list({ limit: 1 }); page.length > 0; page = await kf.list({ limit: 1, before: page[0] })) {
    seen.push(page[0].id);
  }
  assert.equal(seen[0], 'b');
  assert.equal(seen[3], 'a');
  assert.deepEqual(seen.toSorted?.() ?? [...seen].sort(), ['a', 'b', 'c', 'd']);
  assert.deepEqual((await kf.list({ before: 2 })).map((session) => session.id), ['a']);
});

test('without a server the status says so and nothing waits for a network', async (t) => {
  const kf = await opened(t);
  await kf.save(SESSION);
  const status = kf.status();
  assert.equal(status.phase, 'localOnly');
  assert.deepEqual([status.parked, status.conflicts, status.lastSyncedAt, status.lastError], [0, 0, null, null]);
  assert.deepEqual(await kf.conflicts(), []);
  await assert.rejects(kf.sync(), refusal('localOnly'));
  await assert.rejects(kf.linkCode(), refusal('localOnly'));
});

test('listeners hear of every change until they stop', async (t) => {
  const kf = await opened(t);
  const heard = [];
  const stop = kf.subscribe((change) => heard.push(change));
  const { id } = await kf.save(SESSION);
  assert.ok(heard.some(({ records }) => records.includes(id)));
  assert.equal(heard.at(-1).status.phase, 'localOnly');
  stop();
  const before = heard.length;
  await kf.save(SESSION);
  assert.equal(heard.length, before);
});

test('a listener that throws stops neither the save nor the other listeners, and its fault is reported', () => {
  const program = `
    import init, { KeyFlow } from '@keyflow/sync';
    await init();
    const kf = await KeyFlow.open();
    let heard = 0;
    kf.subscribe(() => { throw new Error('of the page'); });
    kf.subscribe(() => (heard += 1));
    process.once('uncaughtException', (error) => console.log(error.message, heard > 0));
    await kf.save({ timestamp: 1 });
  `;
  const here = fileURLToPath(new URL('..', import.meta.url));
  const seen = execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: here });
  assert.equal(seen.toString(), 'of the page true\n');
});

test('settings are merged key by key and null removes one', async (t) => {
  const kf = await opened(t);
  assert.deepEqual(await kf.settings(), {});
  await kf.setSettings({ theme: 'dark', size: 18 });
  assert.deepEqual(await kf.setSettings({ size: null, layout: { name: 'neo' } }), {
    theme: 'dark',
    layout: { name: 'neo' },
  });
  assert.deepEqual(await kf.settings(), { theme: 'dark', layout: { name: 'neo' } });
});

test('progress is derived from the sessions that count', async (t) => {
  const kf = await opened(t);
  await kf.save({ ...SESSION, wpm: 80 });
  const second = await kf.save({ ...SESSION, wpm: 91 });
  const sums = async () => {
    const { averageWPM, totalSessions } = await kf.progress();
    return [averageWPM, totalSessions];
  };
  assert.deepEqual(await sums(), [85.5, 2]);
  await kf.update(second.id, { excludedFromStats: true });
  assert.deepEqual(await sums(), [80, 1]);
});

test('an export taken into another store gives the same sessions, once', async (t) => {
  const from = await opened(t);
  const saved = await from.save(SESSION);
  await from.setSettings({ theme: 'dark' });
  const blob = await from.exportAll();
  assert.ok(blob instanceof Blob);

  const to = await opened(t);
  const first = await to.importAll(blob);
  assert.equal(first.imported + first.operations, 2, 'the session and the settings');
  const second = await to.importAll(await blob.text());
  assert.equal(second.imported + second.operations, 0);
  assert.deepEqual((await to.list()).map(({ id }) => id), [saved.id]);
  const { text, wpm, data } = await to.get(saved.id);
  assert.deepEqual({ text, wpm, data }, { text: SESSION.text, wpm: SESSION.wpm, data: SESSION.data });
  assert.deepEqual(await to.settings(), { theme: 'dark' });
});

test('bad input is refused by the name of its field and changes nothing', async (t) => {
  const kf = await opened(t);
  const { id, version } = await kf.save(SESSION);
  const circle = {};
  circle.self = circle;
  for (const [field, session] of [
    ['timestamp', { text: 'a' }],
    ['timestamp', { timestamp: 1.5 }],
    ['timestamp', { timestamp: '1' }],
    ['accuracy', { timestamp: 1, accuracy: 101 }],
    ['wpm', { timestamp: 1, wpm: -1 }],
    ['tags', { timestamp: 1, tags: 'a' }],
    ['id', { timestamp: 1, id: '' }],
    ['id', { timestamp: 1, id: 7 }],
    ['record', { timestamp: 1, text: 'x'.repeat(70_000) }],
    ['session', 5],
    ['session', undefined],
    ['session', [SESSION]],
    ['session', { timestamp: 1, data: circle }],
  ]) {
    await assert.rejects(kf.save(session), refusal('invalid', field), field);
  }
  await assert.rejects(kf.update(id, { accuracy: 'good' }), refusal('invalid', 'accuracy'));
  await assert.rejects(kf.update(id, { version: 'mine' }), refusal('invalid', 'version'));
  await assert.rejects(kf.update(id, 5), refusal('invalid', 'patch'));
  await assert.rejects(kf.list({ limit: 0 }), refusal('invalid', 'limit'));
  await assert.rejects(kf.list({ before: 'noon' }), refusal('invalid', 'before'));
  await assert.rejects(kf.whenSynced(id, { timeoutMs: -1 }), refusal('invalid', 'timeoutMs'));
  await assert.rejects(kf.resolve('x', 'both'), refusal('invalid', 'choice'));
  await assert.rejects(kf.signOut({ pending: 'maybe' }), refusal('invalid', 'pending'));
  await assert.rejects(kf.setSettings(null), refusal('invalid', 'patch'));
  await assert.rejects(kf.importAll('{'), refusal('invalid', 'blob'));
  assert.throws(() => kf.subscribe('me'), refusal('invalid', 'listener'));
  assert.equal((await kf.get(id)).version, version);
  assert.equal((await kf.list()).length, 1);
});

test('bad options are refused by the name of their field', async () => {
  for (const [field, options] of [
    ['options', 5],
    ['name', { name: '' }],
    ['name', { name: 5 }],
    ['storage', { storage: 'disk' }],
    ['server', { server: 'not a url' }],
    ['strategy', { strategy: 'newest' }],
    ['options', { options: [] }],
    ['options.batchSize', { options: { batchSize: 0 } }],
    ['options.debounceMs', { options: { debounceMs: 1.5 } }],
    ['options.debounce', { options: { debounce: 5 } }],
    ['options.backoffSpread', { options: { backoffSpread: 2 } }],
  ]) {
    await assert.rejects(KeyFlow.open(options), refusal('invalid', field), field);
  }
});

test('what is not there is told apart from what is wrong', async (t) => {
  const kf = await opened(t);
  assert.equal(await kf.get('nobody'), null);
  await assert.rejects(kf.update('nobody', { note: 'a' }), refusal('notFound'));
  await assert.rejects(kf.remove('nobody'), refusal('notFound'));
  await assert.rejects(kf.retry('nobody'), refusal('notFound'));
  await assert.rejects(kf.discard('nobody'), refusal('notFound'));
  await assert.rejects(kf.resolve('nobody', 'local'), refusal('notFound'));
  await assert.rejects(kf.resumeSession('nobody'), refusal('notFound'));
});

test('a closed store refuses every call and says closed', async () => {
  const kf = await KeyFlow.open({ name: 'closing' });
  await kf.close();
  await kf.close();
  assert.equal(kf.status().phase, 'closed');
  await assert.rejects(kf.save(SESSION), refusal('closed'));
  await assert.rejects(kf.list(), refusal('closed'));
  assert.throws(() => kf.startSession({ text: 'a b', mode: { kind: 'text' } }), refusal('closed'));
});
