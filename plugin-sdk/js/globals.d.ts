// What a plugin finds in its sandbox beside the language itself, for the check of types at `transfuse plugin build`.
// An editor that knows browsers knows these too, and more that a plugin does not have.

/** Each line goes to the message's log: the same as `log`, for those who are used to it. `log` writes at level `info`. */
declare var console: {
  debug(...values: unknown[]): void;
  error(...values: unknown[]): void;
  info(...values: unknown[]): void;
  log(...values: unknown[]): void;
  warn(...values: unknown[]): void;
};

/** From bytes to text. */
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: Uint8Array): string;
}

/** From text to bytes of UTF-8. */
declare class TextEncoder {
  encode(text?: string): Uint8Array;
}
