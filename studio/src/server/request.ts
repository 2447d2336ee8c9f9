/** One request to the server; all of the page's requests pass here. */
import { signal } from "@preact/signals";
import { client } from "./client";
import { isAbort, RequestError, readProblem } from "./problem";

/** Whether the last request reached the server. */
export const reachable = signal(true);

export async function get<T>(path: string, stop?: AbortSignal): Promise<T> {
  return (await (await send(path, { method: "GET" }, stop)).json()) as T;
}

export async function post<T>(path: string, body: unknown, stop?: AbortSignal): Promise<T> {
  return write("POST", path, body, stop);
}

export async function put<T>(path: string, body: unknown, stop?: AbortSignal): Promise<T> {
  return write("PUT", path, body, stop);
}

/** A picture's bytes. */
export async function blob(path: string, stop?: AbortSignal): Promise<Blob> {
  return (await send(path, { method: "GET" }, stop)).blob();
}

async function write<T>(method: string, path: string, body: unknown, stop?: AbortSignal): Promise<T> {
  const headers = { "Content-Type": "application/json", "X-Maskwright": "1", "X-Maskwright-Client": client };
  const response = await send(path, { method, headers, body: JSON.stringify(body) }, stop);
  const text = await response.text();
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

async function send(path: string, init: RequestInit, stop?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, stop === undefined ? init : { ...init, signal: stop });
  } catch (error) {
    if (isAbort(error)) throw error;
    reachable.value = false;
    throw new RequestError({
      title: "The server does not answer",
      status: 0,
      detail: `no answer to ${init.method} ${path.split("?")[0]}`,
      code: "unreachable",
    });
  }
  reachable.value = true;
  if (!response.ok) throw new RequestError(await readProblem(response));
  return response;
}
