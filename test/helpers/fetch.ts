import { beforeDeadline } from './wait.js';

/** `fetch` with a deadline. */
export function fetchInTime(url: string | URL, init?: RequestInit): Promise<Response> {
  return beforeDeadline(`the response of ${String(url)}`, fetch(url, init));
}
