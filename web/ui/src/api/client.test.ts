// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ApiError, isUnauthenticated, prometheus, queryString, request } from './client';

const answerWith = (body: string, status = 200) => vi.stubGlobal('fetch', async () => new Response(body, { status }));

afterEach(() => vi.unstubAllGlobals());

describe('request', () => {
  it('gives the typed error of the server', async () => {
    answerWith('{"error":{"code":"bad_query","message":"unexpected (","details":{"line":3}}}', 400);
    const error = await request('/x').catch((cause: unknown) => cause);
    expect(error).toMatchObject({ status: 400, code: 'bad_query', message: 'unexpected (', details: { line: 3 } });
  });

  it('knows when to sign in', async () => {
    answerWith('{"error":{"code":"unauthenticated","message":"a key is required"}}', 401);
    expect(isUnauthenticated(await request('/x').catch((cause: unknown) => cause))).toBe(true);
  });

  it('makes an error of an answer that is not JSON', async () => {
    answerWith('<h1>Bad gateway</h1>', 502);
    await expect(request('/x')).rejects.toMatchObject({ status: 502, code: 'internal' });
    answerWith('<h1>hello</h1>');
    await expect(request('/x')).rejects.toMatchObject({ code: 'bad_answer' });
  });

  it('tells a dead network from an abort', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('failed to fetch')));
    await expect(request('/x')).rejects.toMatchObject({ status: 0, code: 'network' });
    vi.stubGlobal('fetch', () => Promise.reject(new DOMException('gone', 'AbortError')));
    await expect(request('/x')).rejects.not.toBeInstanceOf(ApiError);
  });

  it('takes an answer without a body', async () => {
    vi.stubGlobal('fetch', async () => new Response(null, { status: 204 }));
    await expect(request('/x', { method: 'DELETE' })).resolves.toBeUndefined();
  });
});

describe('prometheus', () => {
  it('unwraps data and keeps warnings', async () => {
    answerWith('{"status":"success","data":[1],"warnings":["w"]}');
    expect(await prometheus('labels')).toEqual({ data: [1], warnings: ['w'], infos: [] });
  });

  it('reads the error of Prometheus', async () => {
    answerWith('{"status":"error","errorType":"bad_data","error":"parse error"}', 400);
    await expect(prometheus('query')).rejects.toMatchObject({ code: 'bad_data', message: 'parse error' });
  });
});

it('queryString leaves out what is absent and repeats lists', () => {
  expect(queryString({ a: 1, b: undefined, c: '', d: ['x', 'y z'] })).toBe('?a=1&d=x&d=y+z');
});
