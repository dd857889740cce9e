// SPDX-License-Identifier: Apache-2.0
import type { Schema } from './types';

/** An answer of the server that is no success, or no answer at all (status 0, code `network`). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Record<string, unknown> = {},
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

type Param = string | number | boolean | null | undefined;
export type Params = Record<string, Param | string[]>;

export interface RequestOptions {
  params?: Params;
  signal?: AbortSignal;
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  body?: unknown;
  form?: Params;
}

export function queryString(params: Params = {}): string {
  const out = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (Array.isArray(value)) for (const item of value) out.append(key, item);
    else if (value !== undefined && value !== null && value !== '') out.append(key, String(value));
  }
  const text = out.toString();
  return text === '' ? '' : `?${text}`;
}

/** An error of the API, or of the Prometheus API, whose `error` is a text. */
interface ErrorBody {
  error?: Partial<Schema<'ErrorBody'>> | string;
  errorType?: string;
}

function toError(status: number, text: string): ApiError {
  try {
    const body = JSON.parse(text) as ErrorBody;
    if (typeof body.error === 'string') return new ApiError(status, body.errorType ?? 'internal', body.error);
    if (body.error) {
      return new ApiError(status, body.error.code ?? 'internal', body.error.message ?? '', body.error.details ?? {});
    }
  } catch {
    // Not JSON: a proxy in between answered.
  }
  return new ApiError(status, status === 401 ? 'unauthenticated' : 'internal', text.slice(0, 300) || `HTTP ${status}`);
}

/** The one place that speaks HTTP. Aborts surface as AbortError, everything else that fails as ApiError. */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const { params, signal, method = 'GET', body, form } = options;
  const headers: Record<string, string> = { Accept: 'application/json' };
  let payload: string | undefined;
  if (body !== undefined) {
    headers['Content-Type'] = 'application/json';
    payload = JSON.stringify(body);
  } else if (form) {
    headers['Content-Type'] = 'application/x-www-form-urlencoded';
    payload = queryString(form).slice(1);
  }
  let response: Response;
  try {
    response = await fetch(path + queryString(params), {
      method,
      headers,
      body: payload,
      signal,
      credentials: 'same-origin',
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 'network', cause instanceof Error ? cause.message : String(cause));
  }
  const text = await response.text();
  if (!response.ok) throw toError(response.status, text);
  if (text === '') return undefined as T;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError(response.status, 'bad_answer', `${path}: the answer is not JSON`);
  }
}

export interface PromAnswer<T> {
  data: T;
  warnings: string[];
  infos: string[];
}

/** The Prometheus HTTP API wraps its answers in an envelope of its own. */
export async function prometheus<T>(path: string, options: RequestOptions = {}): Promise<PromAnswer<T>> {
  const answer = await request<{
    status: string;
    data: T;
    warnings?: string[];
    infos?: string[];
    error?: string;
    errorType?: string;
  }>(`/prometheus/api/v1/${path}`, options);
  if (answer.status !== 'success') throw new ApiError(200, answer.errorType ?? 'bad_query', answer.error ?? '');
  return { data: answer.data, warnings: answer.warnings ?? [], infos: answer.infos ?? [] };
}

export function isUnauthenticated(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401 && error.code === 'unauthenticated';
}
