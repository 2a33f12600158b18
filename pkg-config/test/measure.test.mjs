//! Every worked typing vector, through the compiled core.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import init, { measure } from '@keyflow/sync';

const { vectors, tolerance } = JSON.parse(
  readFileSync(new URL('../../tests/vectors/typing.json', import.meta.url), 'utf8'),
);
await init();

/** Fails, naming the path, where `actual` is not what `expected` says; what it says nothing of is free. */
function matches(actual, expected, path) {
  if (typeof expected === 'number') {
    const allowed = Number.isInteger(expected) ? tolerance.integers : tolerance.rounded2;
    assert.ok(Math.abs(actual - expected) <= allowed + 1e-9, `${path}: ${actual} instead of ${expected}`);
  } else if (Array.isArray(expected)) {
    assert.equal(actual?.length, expected.length, path);
    expected.forEach((value, index) => matches(actual[index], value, `${path}[${index}]`));
  } else if (expected !== null && typeof expected === 'object') {
    for (const [name, value] of Object.entries(expected)) matches(actual?.[name], value, `${path}.${name}`);
  } else {
    assert.equal(actual, expected, path);
  }
}

test('there are vectors', () => assert.ok(vectors.length > 0));

for (const { id, title, target, mode, language, events, expect } of vectors) {
  test(`${id}: ${title}`, () => matches(measure({ target, mode, language, events }), expect, id));
}

test('bad input is refused by the name of its field', () => {
  const good = { target: 'ab', mode: { kind: 'text' }, language: 'en', events: [{ t: 0, op: 'insert', text: 'a' }] };
  measure(good);
  const bad = [
    ['target', { target: 5 }],
    ['target', { target: '' }],
    ['mode', { mode: 'text' }],
    ['mode.kind', { mode: { kind: 'race' } }],
    ['mode.value', { mode: { kind: 'time' } }],
    ['mode.value', { mode: { kind: 'time', value: Number.NaN } }],
    ['language', { language: 7 }],
    ['events', { events: 'ab' }],
    ['events[0]', { events: [5] }],
    ['events[0].t', { events: [{ t: '0', op: 'backspace' }] }],
    ['events[0].t', { events: [{ t: Number.POSITIVE_INFINITY, op: 'backspace' }] }],
    ['events[1].op', { events: [...good.events, { t: 1, op: 'jump' }] }],
    ['events[1].text', { events: [...good.events, { t: 1, op: 'insert' }] }],
  ];
  for (const [field, change] of bad) {
    const refused = { name: 'KeyFlowError', code: 'invalid', field };
    assert.throws(() => measure({ ...good, ...change }), refused, JSON.stringify(change));
  }
  for (const input of [undefined, null, 5, 'ab', []]) {
    assert.throws(() => measure(input), { name: 'KeyFlowError', code: 'invalid' }, String(input));
  }
});
