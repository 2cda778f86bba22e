// What a rejected promise of a `Backend` says, whatever was thrown.

import type { FailureView } from "./bindings/FailureView";

/** Thrown by the browser's backend; the desktop's rejections have the same shape. */
export class Refusal extends Error implements FailureView {
  readonly code: string;
  readonly retryAfterMs: number | null;

  constructor(code: string, message: string, retryAfterMs: number | null = null) {
    super(message);
    this.name = "Refusal";
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

export function asFailure(thrown: unknown): FailureView {
  if (typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown) {
    return { code: String(thrown.code), message: String(thrown.message) };
  }
  if (thrown instanceof Error) {
    return { code: "internal", message: thrown.message };
  }
  return { code: "internal", message: String(thrown) };
}
