// SPDX-License-Identifier: MIT
// Each fault becomes the SDK's own error class, with a message that says what to do.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import OpenAI from 'openai';

import { client, open, token } from './lib/house.mjs';
import { upstreamKey } from './lib/simulator.mjs';

let house;
const config = { provider: 'models=gpt-4o;gpt-4o-mini', extra: '[routing]\nallow-unknown-models=false\n' };
before(async () => {
  house = await open(config);
});
after(() => house.stop());
beforeEach(() => house.simulator.reset());

const hello = { model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] };

/** The error that the SDK throws; fails when it throws none. */
async function caught(promise) {
  const error = await promise.then(() => assert.fail('no error'), (reason) => reason);
  assert.ok(!JSON.stringify([error.message, error.error ?? null]).includes(upstreamKey));
  return error;
}

for (const [name, apiKey] of [['a wrong', `${token}x`], ['the upstream\'s own', upstreamKey]]) {
  test(`${name} token: AuthenticationError, and the upstream hears nothing`, async () => {
    const error = await caught(client(house.daemon, { apiKey }).chat.completions.create(hello));
    assert.ok(error instanceof OpenAI.AuthenticationError, String(error));
    assert.equal(error.status, 401);
    assert.ok(error.message.length > 10);
    assert.equal(house.simulator.getRequests().length, 0);
  });
}

test('an unknown model: NotFoundError that names near ones', async () => {
  const error = await caught(house.openai.chat.completions.create({ ...hello, model: 'gpt-4oo' }));
  assert.ok(error instanceof OpenAI.NotFoundError, String(error));
  assert.equal(error.code, 'model_not_found');
  assert.equal(error.param, 'model');
  assert.match(error.message, /gpt-4oo/);
  assert.match(error.message, /gpt-4o\b/);
  assert.equal(house.simulator.getRequests().filter((one) => one.path.startsWith('/v1/chat')).length, 0);
});

test('an unknown model in the list: NotFoundError', async () => {
  assert.ok((await caught(house.openai.models.retrieve('no-such-model'))) instanceof OpenAI.NotFoundError);
});

test('a body without a model: BadRequestError that names it', async () => {
  const error = await caught(house.openai.chat.completions.create({ messages: hello.messages }));
  assert.ok(error instanceof OpenAI.BadRequestError, String(error));
  assert.match(error.message, /model/);
});

test('an unknown path outside the API: 404 in the protocol\'s shape', async () => {
  const error = await caught(client(house.daemon, { baseURL: `${house.daemon.url}/no/such` }).get('/place'));
  assert.ok(error instanceof OpenAI.NotFoundError, String(error));
  assert.ok(error.error.message);
});

const upstreamErrors = [
  [400, OpenAI.BadRequestError, 'context_length_exceeded'],
  [403, OpenAI.PermissionDeniedError, 'region'],
  [404, OpenAI.NotFoundError, 'model_not_found'],
  [422, OpenAI.UnprocessableEntityError, 'unprocessable'],
  [429, OpenAI.RateLimitError, 'rate_limit_exceeded'],
  [500, OpenAI.InternalServerError, 'server_error'],
  [503, OpenAI.InternalServerError, 'overloaded'],
];

for (const stream of [false, true]) {
  for (const [status, kind, code] of upstreamErrors) {
    test(`the upstream's ${status}${stream ? ' to a stream' : ''}: ${kind.name}`, async () => {
      // Whoever says how long to wait is left alone for so long, by all who come after.
      const own = status === 429 ? await open(config) : house;
      try {
        own.simulator.onMessage('hello', {
          error: { message: `fault ${status}`, type: 'simulated', code },
          status,
          retryAfter: status === 429 ? 17 : 0,
        });
        const error = await caught(own.openai.chat.completions.create({ ...hello, stream }));
        assert.ok(error instanceof kind, String(error));
        assert.equal(error.status, status);
        assert.match(error.message, new RegExp(`fault ${status}`));
        assert.equal(error.code, code);
        if (status === 429) {
          assert.equal(error.headers.get('retry-after'), '17');
          assert.equal(error.headers.get('x-ratelimit-limit-requests'), '60');
        }
      } finally {
        if (own !== house) await own.stop();
      }
    });
  }
}

test('the SDK tries again by itself after a 429', async () => {
  house.simulator.onMessage('hello', { content: 'at last' });
  house.simulator.nextRequestError(429, { message: 'slow down', code: 'rate_limit_exceeded' });
  const patient = client(house.daemon, { maxRetries: 2 });
  assert.equal((await patient.chat.completions.create(hello)).choices[0].message.content, 'at last');
});

test('a stream that the upstream cuts is an error, not a clean end', async () => {
  house.simulator.onMessage('hello', { content: 'a long answer' }, { chunkSize: 1, latency: 20, truncateAfterChunks: 6 });
  const stream = await house.openai.chat.completions.create({ ...hello, stream: true });
  let text = '';
  await assert.rejects(async () => {
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  });
  assert.ok(text.length > 0 && 'a long answer'.startsWith(text), text);
});

test('after all of that the daemon still answers', async () => {
  house.simulator.onMessage('hello', { content: 'alive' });
  assert.equal((await house.openai.chat.completions.create(hello)).choices[0].message.content, 'alive');
});
