// SPDX-License-Identifier: MIT
// A client that leaves: the upstream is told at once, and the daemon keeps nothing open.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import OpenAI from 'openai';

import { until } from './lib/daemon.mjs';
import { client, open } from './lib/house.mjs';
import { watchCancelled } from './lib/simulator.mjs';

let house;
let watch;
before(async () => {
  house = await open();
  watch = watchCancelled(house.simulator, '/v1/chat/completions');
});
after(async () => {
  watch.stop();
  await house.stop();
});
beforeEach(() => {
  house.simulator.reset();
  house.simulator.onMessage('warm up', { content: 'ok' });
  house.simulator.onMessage('lengthy', { content: 'x'.repeat(200) }, { chunkSize: 1, latency: 40 });
  house.simulator.onMessage('silent', () => new Promise(() => {}));
  watch.count = 0;
  watch.started = 0;
});

const request = (content) => ({ model: 'gpt-4o', messages: [{ role: 'user', content }], stream: true });

/** Runs the action and waits until the daemon has no more descriptors than before. */
async function keepsNothingOpen(action) {
  await house.openai.chat.completions.create({ ...request('warm up'), stream: false });
  watch.started = 0;
  const before = house.daemon.descriptors();
  await action();
  await until(
    () => house.daemon.descriptors() <= before,
    () => `${house.daemon.descriptors()} descriptors open, ${before} before`,
  );
}

// That it can be left in the middle also shows that chunks arrive while the upstream still writes.
test('a stream left in the middle', async () => {
  await keepsNothingOpen(async () => {
    const stream = await house.openai.chat.completions.create(request('lengthy'));
    let chunks = 0;
    for await (const chunk of stream) {
      assert.ok(chunk.id);
      if (++chunks === 5) break;
    }
    assert.equal(chunks, 5);
    await until(() => watch.count === 1, 'the upstream was not told');
  });
});

test('eight streams left at once', async () => {
  await keepsNothingOpen(async () => {
    const controller = new AbortController();
    const streams = await Promise.all(
      Array.from({ length: 8 }, () =>
        house.openai.chat.completions.create(request('lengthy'), { signal: controller.signal }),
      ),
    );
    await Promise.all(streams.map((stream) => stream[Symbol.asyncIterator]().next()));
    controller.abort();
    await until(() => watch.count === 8, () => `${watch.count} of 8 were cancelled`);
  });
});

for (const stream of [false, true]) {
  test(`left before the first token, ${stream ? 'streaming' : 'plain'}`, async () => {
    await keepsNothingOpen(async () => {
      const controller = new AbortController();
      const answer = house.openai.chat.completions.create(
        { ...request('silent'), stream },
        { signal: controller.signal },
      );
      const failed = assert.rejects(answer, OpenAI.APIUserAbortError);
      await until(() => watch.started === 1, 'the request did not arrive');
      controller.abort();
      await failed;
      await until(() => watch.count === 1, 'the upstream was not told');
    });
  });
}

test('the SDK\'s own timeout', async () => {
  await keepsNothingOpen(async () => {
    // What gives up before the upstream has heard of it tells nothing.
    for (let timeout = 500; watch.started === 0; timeout *= 2) {
      const hasty = client(house.daemon, { timeout });
      await assert.rejects(
        hasty.chat.completions.create({ ...request('silent'), stream: false }),
        OpenAI.APIConnectionTimeoutError,
      );
    }
    await until(() => watch.count === watch.started, 'the upstream was not told');
  });
});
