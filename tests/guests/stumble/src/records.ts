// The second file.

/** Refuses every name, and says which. */
export function file(name: string): void {
  const isKnown = name === "";
  if (!isKnown) {
    throw new RangeError(
      `no record of ${name}`,
    );
  }
}
