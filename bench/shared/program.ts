/** Runs a program to its end: what it throws is said in one line, and the exit status is 1. */
export async function program(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode ||= 1;
  }
}
