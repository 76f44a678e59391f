// SPDX-License-Identifier: MIT
// Images, audio and files: multipart bodies up, binary bodies down.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { toFile } from 'openai';

import { open } from './lib/house.mjs';

let house;
before(async () => (house = await open()));
after(() => house.stop());
beforeEach(() => house.simulator.reset());

const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');
const everyByte = Buffer.from(Array.from({ length: 4096 }, (_, index) => index & 255));

test('an image is generated', async () => {
  house.simulator.onImage('a lighthouse', { images: [{ b64Json: everyByte.toString('base64') }] });
  const answer = await house.openai.images.generate({ model: 'gpt-image-1', prompt: 'a lighthouse' });
  assert.equal(digest(Buffer.from(answer.data[0].b64_json, 'base64')), digest(everyByte));
});

test('an image is edited: multipart with binary parts', async () => {
  house.simulator.onImage('add a ship', { image: { url: 'https://example.org/ship.png' } });
  const answer = await house.openai.images.edit({
    model: 'gpt-image-1',
    prompt: 'add a ship',
    image: await toFile(everyByte, 'lighthouse.png', { type: 'image/png' }),
  });
  assert.equal(answer.data[0].url, 'https://example.org/ship.png');
});

test('an audio file is transcribed: multipart', async () => {
  house.simulator.onTranscription({ transcription: { text: 'Grüße, 你好' } });
  const answer = await house.openai.audio.transcriptions.create({
    model: 'whisper-1',
    file: await toFile(randomBytes(300_000), 'speech.wav', { type: 'audio/wav' }),
  });
  assert.equal(answer.text, 'Grüße, 你好');
  assert.equal(house.simulator.getLastRequest().path, '/v1/audio/transcriptions');
  assert.equal(house.simulator.getLastRequest().body.model, 'whisper-1');
});

test('speech comes back as bytes', async () => {
  const audio = randomBytes(200_000);
  house.simulator.onSpeech('say it', { audio: audio.toString('base64'), format: 'mp3' });
  const answer = await house.openai.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'say it' });
  assert.equal(answer.headers.get('content-type'), 'audio/mpeg');
  assert.equal(digest(Buffer.from(await answer.arrayBuffer())), digest(audio));
});

test('a file of 5 MB goes up and comes down byte for byte', async () => {
  const content = randomBytes(5_000_000);
  const file = await house.openai.files.create({
    purpose: 'assistants',
    file: await toFile(content, 'data.bin', { type: 'application/octet-stream' }),
  });
  assert.equal(file.bytes, content.length);
  const back = await house.openai.files.content(file.id);
  assert.equal(digest(Buffer.from(await back.arrayBuffer())), digest(content));
  assert.equal((await house.openai.files.retrieve(file.id)).filename, 'data.bin');
  assert.equal((await house.openai.files.delete(file.id)).deleted, true);
});
