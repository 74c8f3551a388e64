// What the server says about itself, asked once at the start and on demand.

import { signal } from "@preact/signals";
import { api, apiKey, ApiError } from "../core/api.ts";
import type { Health, Problem } from "../core/types.ts";
import { asProblem } from "./widgets.tsx";

export const health = signal<Health | null>(null);
export const healthProblem = signal<Problem | null>(null);

/** True when the server wants a key that we do not have or that it does not know. */
export const keyWanted = signal(false);

export async function refresh() {
  try {
    health.value = await api.health();
    healthProblem.value = null;
    keyWanted.value = false;
  } catch (e) {
    healthProblem.value = asProblem(e);
    keyWanted.value = e instanceof ApiError && (e.problem.status === 401 || (e.problem.status === 403 && apiKey.value === ""));
  }
}
