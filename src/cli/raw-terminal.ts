interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Every key goes to the command, Ctrl-C too, until `restore`: idempotent, and done at the latest when the process ends. */
export function rawTerminal(onResize: (size: Size) => void): { restore(): void } {
  const resized = (): void => onResize(terminalSize());
  let raw = true;
  const restore = (): void => {
    if (!raw) return;
    raw = false;
    process.off("exit", restore);
    process.off("SIGWINCH", resized);
    setRaw(false);
  };
  process.on("exit", restore);
  process.on("SIGWINCH", resized);
  setRaw(true);
  return { restore };
}

export function terminalSize(): Size {
  const [columns, rows] = process.stdout.getWindowSize();
  return { columns: columns || 80, rows: rows || 24 };
}

function setRaw(raw: boolean): void {
  try {
    process.stdin.setRawMode(raw);
  } catch {
    return; // The terminal is gone, and its mode with it.
  }
}
