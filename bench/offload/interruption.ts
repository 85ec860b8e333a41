/** Aborted by Ctrl-C and its like, so that a run's processes end and its control group goes before this process does. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const [name, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(name, () => {
      process.exitCode = status;
      controller.abort(new Error('interrupted'));
    });
  }
  return controller.signal;
}
