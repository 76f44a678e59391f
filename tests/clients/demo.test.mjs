// SPDX-License-Identifier: MIT
// The demo mode: a model inside the daemon, with no upstream, no key and no config.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';

import { Daemon } from './lib/daemon.mjs';
import { client } from './lib/house.mjs';

let daemon;
let openai;
before(async () => {
  daemon = await Daemon.start({ args: ['--demo'] });
  openai = client(daemon);
});
after(() => daemon.stop());

const request = (model, content) => ({ model, messages: [{ role: 'user', content }] });

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { chunks, text: chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('') };
}

test('echo answers with the last user message, and counts tokens', async () => {
  const answer = await openai.chat.completions.create({
    model: 'echo',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'first' },
      { role: 'assistant', content: 'first' },
      { role: 'user', content: 'Grüße, "你好" 🌊' },
    ],
  });
  assert.equal(answer.choices[0].message.content, 'Grüße, "你好" 🌊');
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.ok(answer.usage.prompt_tokens > 0 && answer.usage.completion_tokens > 0);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test('echo streams token by token, with usage when it is asked for', async () => {
  const stream = await openai.chat.completions.create({
    ...request('echo', 'one two three four'),
    stream: true,
    stream_options: { include_usage: true },
  });
  const { chunks, text } = await collect(stream);
  assert.equal(text, 'one two three four');
  assert.ok(chunks.filter((chunk) => chunk.choices[0]?.delta.content).length >= 4);
  assert.ok(chunks.at(-1).usage.total_tokens > 0);
});

test('echo-slow streams the same with pauses', async () => {
  const stream = await openai.chat.completions.create({ ...request('echo-slow', 'one two three'), stream: true });
  const { text } = await collect(stream);
  assert.equal(text, 'one two three');
});

test('fail-503 is an InternalServerError', async () => {
  await assert.rejects(openai.chat.completions.create(request('fail-503', 'hello')), (error) => {
    assert.ok(error instanceof OpenAI.InternalServerError);
    assert.equal(error.status, 503);
    return true;
  });
});

test('cut-5 breaks the stream off; the SDK sees an error', async () => {
  const stream = await openai.chat.completions.create({
    ...request('cut-5', 'one two three four five six seven eight nine ten'),
    stream: true,
  });
  let chunks = 0;
  await assert.rejects(async () => {
    for await (const chunk of stream) chunks += chunk.choices ? 1 : 0;
  });
  assert.ok(chunks > 0);
});

test('embeddings are deterministic vectors of unit length', async () => {
  const ask = (input) => openai.embeddings.create({ model: 'echo', input, encoding_format: 'float' });
  const [one, again, other] = await Promise.all([ask('same'), ask('same'), ask('different')]);
  assert.deepEqual(one.data[0].embedding, again.data[0].embedding);
  assert.notDeepEqual(one.data[0].embedding, other.data[0].embedding);
  assert.ok(Math.abs(Math.hypot(...one.data[0].embedding) - 1) < 1e-3);
});

test('legacy completions', async () => {
  const answer = await openai.completions.create({ model: 'echo', prompt: 'Once upon a time' });
  assert.equal(answer.choices[0].text, 'Once upon a time');
});

test('the models are listed', async () => {
  const ids = [];
  for await (const model of await openai.models.list()) ids.push(model.id);
  for (const id of ['echo', 'echo-slow']) assert.ok(ids.includes(id), ids.join());
});

test('a wrong token is refused', async () => {
  const stranger = client(daemon, { apiKey: 'not-the-token' });
  await assert.rejects(stranger.chat.completions.create(request('echo', 'hello')), OpenAI.AuthenticationError);
});
