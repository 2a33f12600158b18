//! A session typed from its first key to its saved result, through the compiled core.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import init, { KeyFlow, measure } from '@keyflow/sync';

await init();

let stores = 0;
async function opened(t, name = `typing-${(stores += 1)}`) {
  const kf = await KeyFlow.open({ name });
  t.after(() => kf.close());
  return kf;
}

const TEXT = { text: 'ab cd', mode: { kind: 'text' }, language: 'en' };

/** Types `text`, 100 ms a key, the first at `t`; gives the last step. */
function type(handle, text, t = 1000) {
  let step;
  for (const [index, letter] of [...text].entries()) {
    step = handle.input({ t: t + 100 * index, op: 'insert', text: letter });
  }
  return step;
}

test('a session typed to its end is saved with the numbers that measure gives', async (t) => {
  const kf = await opened(t);
  const handle = kf.startSession({ ...TEXT, tags: ['first'] });
  assert.equal(handle.state, 'ready');
  assert.equal(type(handle, 'ab cd').finished, true);
  assert.equal(handle.state, 'finished');
  const metrics = measure({ target: TEXT.text, mode: TEXT.mode, language: 'en', events: handle.events() });
  const saved = await handle.end();
  assert.equal(handle.state, 'ended');
  assert.equal(saved.id, handle.id);
  assert.equal(saved.text, TEXT.text);
  assert.deepEqual(saved.tags, ['first']);
  assert.deepEqual([saved.wpm, saved.accuracy], [metrics.wpm, metrics.accuracy]);
  assert.equal(saved.data.profile, 'KF-1');
  assert.equal(saved.data.endReason, 'completed');
  assert.equal(saved.data.durationMs, 400);
  assert.deepEqual(saved.data.flags, ['too_short']);
  assert.ok(Math.abs(saved.timestamp - Date.now()) < 60_000, 'the start is told in wall-clock time');
  assert.deepEqual(await kf.get(saved.id), saved);
  assert.deepEqual(await handle.end(), saved, 'ending twice saves once');
  assert.equal((await kf.list()).length, 1);
});

test('a session left by its user ends there', async (t) => {
  const kf = await opened(t);
  const handle = kf.startSession(TEXT);
  type(handle, 'ab');
  const saved = await handle.end();
  assert.equal(saved.data.endReason, 'user');
  assert.equal(saved.data.durationMs, 100);
});

test('keys tell what they did, and pauses take their time out', async (t) => {
  const kf = await opened(t);
  const handle = kf.startSession(TEXT);
  assert.deepEqual(type(handle, 'a'), {
    accepted: 1,
    rejected: 0,
    correct: true,
    word: 0,
    caret: 1,
    finished: false,
  });
  handle.pause(1000);
  assert.equal(handle.state, 'paused');
  assert.equal(handle.input({ t: 2000, op: 'insert', text: 'b' }).rejected, 1);
  handle.resume(5000);
  assert.equal(handle.state, 'running');
  assert.equal(handle.input({ t: 5100, op: 'insert', text: 'x' }).correct, false);
  const live = handle.live(5100);
  assert.deepEqual([live.elapsedMs, live.accuracy, live.remainingMs, live.paused], [100, 50, null, false]);
  assert.deepEqual(handle.words(0, 9), [
    { target: ['a', 'b'], typed: ['a', 'x'], correct: [true, false] },
    { target: ['c', 'd'], typed: null, correct: [] },
  ]);
  await handle.cancel();
});

test('a time test takes more words while it runs', async (t) => {
  const kf = await opened(t);
  const handle = kf.startSession({ ...TEXT, mode: { kind: 'time', value: 30 } });
  handle.append('ef');
  assert.equal(handle.text, 'ab cd ef');
  await handle.cancel();
  assert.equal(handle.state, 'cancelled');
  const text = kf.startSession(TEXT);
  assert.throws(() => text.append('ef'), { code: 'invalid' });
  await text.cancel();
});

test('a session saved half-way goes on in a new handle and leaves no draft when it ends', async (t) => {
  const kf = await opened(t, 'drafts');
  const handle = kf.startSession(TEXT);
  type(handle, 'ab ');
  await handle.checkpoint();
  assert.deepEqual(await kf.resumable(), [], 'what runs here is not offered');

  // Another tab finds it, as the page does that is loaded after a crash.
  const next = await opened(t, 'drafts');
  const drafts = await next.resumable();
  assert.deepEqual(drafts.map(({ id, text }) => [id, text]), [[handle.id, TEXT.text]]);
  const again = await next.resumeSession(handle.id);
  assert.equal(again.state, 'paused');
  await assert.rejects(next.resumeSession(handle.id), { code: 'sessionRunning' });
  again.resume(0);
  assert.equal(type(again, 'cd', 100).finished, true);
  const saved = await again.end();
  assert.equal(saved.id, handle.id);
  assert.equal(saved.data.chars.correct, 5);
  assert.deepEqual(await next.resumable(), []);
});

test('a cancelled session takes no more keys and is not saved', async (t) => {
  const kf = await opened(t);
  const handle = kf.startSession(TEXT);
  await handle.cancel();
  assert.throws(() => handle.input({ t: 1, op: 'backspace' }), { code: 'sessionEnded' });
  await assert.rejects(handle.end(), { code: 'sessionEnded' });
  await handle.cancel();
  assert.deepEqual(await kf.list(), [], 'a cancelled session is not saved');
});

test('bad input is refused by the name of its field and changes nothing', async (t) => {
  const kf = await opened(t);
  for (const [field, change] of [
    ['text', { text: '' }],
    ['text', { text: 5 }],
    ['mode.kind', { mode: { kind: 'race' } }],
    ['mode.value', { mode: { kind: 'time' } }],
    ['language', { language: 5 }],
    ['inputKind', { inputKind: 'voice' }],
    ['tags', { tags: 'a' }],
    ['options', { options: 5 }],
  ]) {
    assert.throws(() => kf.startSession({ ...TEXT, ...change }), { code: 'invalid', field }, field);
  }
  const handle = kf.startSession(TEXT);
  for (const [field, event] of [
    ['event', 5],
    ['t', { op: 'backspace' }],
    ['t', { t: Number.NaN, op: 'backspace' }],
    ['op', { t: 1, op: 'jump' }],
    ['text', { t: 1, op: 'insert' }],
  ]) {
    assert.throws(() => handle.input(event), { code: 'invalid', field }, field);
  }
  assert.throws(() => handle.live('now'), { code: 'invalid' });
  assert.throws(() => handle.pause(-1), { code: 'invalid' });
  assert.equal(handle.state, 'ready');
  await handle.cancel();
});

test('what was typed in a cancelled session counts as practice, once', async (t) => {
  const kf = await opened(t);
  const handle = kf.startSession(TEXT);
  type(handle, 'ab');
  await Promise.all([handle.cancel(), handle.cancel()]);
  await handle.cancel();
  const untouched = kf.startSession(TEXT);
  await untouched.cancel();
  assert.deepEqual(await kf.list(), []);
  const { practiceMs, practiceByDay, totalSessions } = await kf.progress();
  assert.deepEqual([practiceMs, Object.values(practiceByDay), totalSessions], [100, [100], 0]);
});
