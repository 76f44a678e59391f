// SPDX-License-Identifier: MIT
// Chat, tools, embeddings and models through the official SDK.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import { until } from './lib/daemon.mjs';
import { open, token } from './lib/house.mjs';
import { upstreamKey } from './lib/simulator.mjs';

let house;
before(async () => (house = await open()));
after(() => house.stop());
beforeEach(() => house.simulator.reset());

const say = (content) => [{ role: 'user', content }];
const poem = 'Gedanken fließen, 心如止水, 🌊 and every byte arrives. '.repeat(20);
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather in a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const call = { id: 'call_1', name: 'get_weather', arguments: JSON.stringify({ city: 'Zürich', note: 'ü"\\\n' }) };

test('a plain chat completion', async () => {
  house.simulator.onMessage('hello', {
    content: poem,
    usage: { prompt_tokens: 11, completion_tokens: 22, total_tokens: 33 },
  });
  const answer = await house.openai.chat.completions.create({ model: 'gpt-4o', messages: say('hello') });
  assert.equal(answer.object, 'chat.completion');
  assert.equal(answer.model, 'gpt-4o');
  assert.equal(answer.choices[0].message.content, poem);
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.deepEqual(answer.usage, { prompt_tokens: 11, completion_tokens: 22, total_tokens: 33 });
});

test('the upstream gets its own key and the request as it was, never the client\'s token', async () => {
  house.simulator.onMessage('private', { content: 'ok' });
  const request = { model: 'gpt-4o', messages: say('private'), temperature: 0.25, seed: 7, user: 'u-1' };
  await house.openai.chat.completions.create(request);
  const seen = house.simulator.getLastRequest();
  assert.equal(seen.path, '/v1/chat/completions');
  assert.deepEqual(Object.fromEntries(Object.keys(request).map((name) => [name, seen.body[name]])), request);
  assert.ok(!JSON.stringify(seen.headers).includes(token));
  // The journal of the simulator masks a key, so that it took the request is the proof that it got the right one.
  assert.equal(seen.response.status, 200);
  assert.ok(!JSON.stringify(seen.headers).includes('x-proxy'));
});

test('a streaming chat completion', async () => {
  house.simulator.onMessage('hello', { content: poem }, { chunkSize: 7 });
  const stream = await house.openai.chat.completions.create({
    model: 'gpt-4o',
    messages: say('hello'),
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = '';
  let chunks = 0;
  let finish;
  let usage;
  for await (const chunk of stream) {
    chunks += 1;
    text += chunk.choices[0]?.delta.content ?? '';
    finish ??= chunk.choices[0]?.finish_reason;
    usage ??= chunk.usage;
  }
  assert.equal(text, poem);
  assert.equal(finish, 'stop');
  assert.ok(chunks > 10, `${chunks} chunks`);
  assert.ok(usage.total_tokens > 0);
});

test('the SDK\'s stream helper puts the message together', async () => {
  house.simulator.onMessage('hello', { content: poem });
  const runner = house.openai.chat.completions.stream({ model: 'gpt-4o', messages: say('hello') });
  assert.equal((await runner.finalMessage()).content, poem);
});

test('a tool call, its result, and the answer', async () => {
  house.simulator.onToolResult('call_1', { content: 'It is sunny.' });
  house.simulator.onMessage('weather', { toolCalls: [call] });
  const messages = say('weather?');
  const first = await house.openai.chat.completions.create({ model: 'gpt-4o', messages, tools: [weather] });
  assert.equal(first.choices[0].finish_reason, 'tool_calls');
  const [asked] = first.choices[0].message.tool_calls;
  assert.equal(asked.id, 'call_1');
  assert.equal(asked.function.name, 'get_weather');
  assert.equal(asked.function.arguments, call.arguments);
  messages.push(first.choices[0].message, { role: 'tool', tool_call_id: asked.id, content: '{"sky":"clear"}' });
  const second = await house.openai.chat.completions.create({ model: 'gpt-4o', messages, tools: [weather] });
  assert.equal(second.choices[0].message.content, 'It is sunny.');
  assert.deepEqual(house.simulator.getLastRequest().body.tools, [weather]);
});

test('streamed tool calls come together from their pieces', async () => {
  const calls = [call, { id: 'call_2', name: 'get_weather', arguments: '{"city":"北京"}' }];
  house.simulator.onMessage('weather', { toolCalls: calls }, { chunkSize: 5 });
  const runner = house.openai.chat.completions.stream({ model: 'gpt-4o', messages: say('weather?'), tools: [weather] });
  const completion = await runner.finalChatCompletion();
  assert.equal(completion.choices[0].finish_reason, 'tool_calls');
  assert.deepEqual(
    completion.choices[0].message.tool_calls.map(({ id, function: { name, arguments: text } }) => ({
      id,
      name,
      arguments: text,
    })),
    calls,
  );
});

test('the responses API, plain and streaming', async () => {
  house.simulator.onMessage('hello', { content: 'Hi from responses' });
  const plain = await house.openai.responses.create({ model: 'gpt-4o', input: 'hello' });
  assert.equal(plain.output_text, 'Hi from responses');
  const stream = await house.openai.responses.create({ model: 'gpt-4o', input: 'hello', stream: true });
  let text = '';
  let last;
  for await (const event of stream) {
    if (event.type === 'response.output_text.delta') text += event.delta;
    last = event.type;
  }
  assert.equal(text, 'Hi from responses');
  assert.equal(last, 'response.completed');
});

test('embeddings as numbers and as base64', async () => {
  const embedding = [0.5, -0.25, 0.125, 0.0625];
  house.simulator.onEmbedding('vector', { embedding });
  const numbers = await house.openai.embeddings.create({
    model: 'text-embedding-3-small',
    input: 'vector',
    encoding_format: 'float',
  });
  assert.deepEqual(numbers.data[0].embedding, embedding);
  // The SDK asks for base64 when nothing is said, and decodes it.
  const decoded = await house.openai.embeddings.create({ model: 'text-embedding-3-small', input: 'vector' });
  assert.deepEqual(Array.from(decoded.data[0].embedding), embedding);
});

test('moderations', async () => {
  house.simulator.onModerate('mean', { flagged: true, categories: { harassment: true } });
  const answer = await house.openai.moderations.create({ model: 'omni-moderation-latest', input: 'a mean word' });
  assert.equal(answer.results[0].flagged, true);
});

test('an alias reaches the upstream under the real name', async () => {
  house.simulator.onMessage('hello', { content: 'aliased' });
  const answer = await house.openai.chat.completions.create({ model: 'fast', messages: say('hello') });
  assert.equal(answer.choices[0].message.content, 'aliased');
  assert.equal(house.simulator.getLastRequest().body.model, 'gpt-4o');
});

test('the list of models has what the upstream lists, and the aliases', async () => {
  let ids;
  async function list() {
    ids = [];
    for await (const model of await house.openai.models.list()) {
      assert.equal(model.object, 'model');
      ids.push(model.id);
    }
    return ids.includes('gpt-4o');
  }
  // The upstream is asked for its list after the start.
  await until(list, () => ids.join());
  assert.ok(ids.includes('fast'), ids.join());
  assert.equal(new Set(ids).size, ids.length);
  assert.equal((await house.openai.models.retrieve('gpt-4o')).id, 'gpt-4o');
  assert.equal((await house.openai.models.retrieve('fast')).id, 'fast');
});

test('the answer\'s headers reach the SDK', async () => {
  house.simulator.onMessage('hello', { content: 'ok' });
  const { response, request_id: id } = await house.openai.chat.completions
    .create({ model: 'gpt-4o', messages: say('hello') })
    .withResponse();
  assert.ok(id);
  assert.equal(response.headers.get('x-proxy-provider'), 'simulator');
  assert.equal(response.headers.get('x-proxy-key'), 'simulator');
  assert.ok(!JSON.stringify([...response.headers]).includes(upstreamKey));
});

test('forty requests at once, plain and streaming, each with its own answer', async () => {
  house.simulator.on({ endpoint: 'chat' }, (request) => ({ content: `echo ${request.messages.at(-1).content}` }), {
    chunkSize: 3,
  });
  const ask = async (number) => {
    const request = { model: 'gpt-4o', messages: say(`number ${number}`) };
    if (number % 2) {
      return (await house.openai.chat.completions.create(request)).choices[0].message.content;
    }
    return (await house.openai.chat.completions.stream(request).finalMessage()).content;
  };
  const numbers = Array.from({ length: 40 }, (_, number) => number);
  assert.deepEqual(await Promise.all(numbers.map(ask)), numbers.map((number) => `echo number ${number}`));
});
